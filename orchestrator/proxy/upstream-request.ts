/** Requests to the next server on the way: the student's service for the relay, the relay for the local edge. */
import http, { type ClientRequest, type IncomingMessage, type InformationEvent } from 'node:http';
import https from 'node:https';
import { type HeaderList, withoutHopByHop } from './header-list.ts';

/** Next's dev server alone sends cookies and RSC headers of tens of KB; Node's default of 16 KB refuses them. */
export const MAX_HEADER_BYTES = 128 * 1024;

/** So often a server may announce its answer (1xx) before it gives one; who goes on never will. */
const MAX_ANNOUNCEMENTS = 16;

export interface Upstream {
  host: string;
  port: number;
  scheme: 'http' | 'https';
}

export interface ForwardOptions {
  target: Upstream;
  /** Path and query. */
  path: string;
  /** The visitor's headers, without hop-by-hop ones, changed for the target. */
  requestHeaders(headers: HeaderList): HeaderList;
  /** The answer's headers, changed for the visitor. */
  responseHeaders(headers: HeaderList): HeaderList;
}

const kept = { keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: 32 };

/**
 * A connection for one request that does not say so: who is told `Connection: close` closes as soon as the answer is
 * out, and where a body is still on its way the kernel resets the connection and the answer is lost (RFC 9112 §9.6).
 */
function closingAfterUse<Agent extends http.Agent>(agent: Agent): Agent {
  return Object.assign(agent, { keepSocketAlive: () => false });
}

const agents = {
  kept: { http: new http.Agent(kept), https: new https.Agent(kept) },
  fresh: {
    http: closingAfterUse(new http.Agent(kept)),
    https: closingAfterUse(new https.Agent(kept)),
  },
};

/**
 * What comes before an answer has no backpressure, so a server that announces one for ever would fill the memory of
 * whoever asks it. `onAnnouncement` hears the first few; then the request ends as one to a server without HTTP.
 */
export function limitInformationalResponses(
  outgoing: ClientRequest,
  onAnnouncement: (announcement: InformationEvent) => void = () => {},
): void {
  let heard = 0;
  outgoing.on('information', (announcement) => {
    heard += 1;
    // A whole piece of the stream is read to its end, though the connection is gone.
    if (heard <= MAX_ANNOUNCEMENTS) onAnnouncement(announcement);
    else outgoing.destroy(Object.assign(new Error('no end of 1xx'), { code: 'HPE_ANNOUNCEMENTS' }));
  });
}

/**
 * Opens a request. A `kept` connection may turn out to be closed by a service that restarted, so only what may be
 * sent twice goes over one; all else gets a `fresh` one.
 */
export function openUpstreamRequest(
  request: IncomingMessage,
  { target, path, requestHeaders }: ForwardOptions,
  connection: 'kept' | 'fresh',
  extra: HeaderList,
): ClientRequest {
  const options = {
    host: target.host,
    port: target.port,
    method: request.method ?? 'GET',
    path,
    // First of all without what `Connection` names, so that no visitor names what is added here.
    headers: [...requestHeaders(withoutHopByHop(request.rawHeaders)), ...extra],
    setHost: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const { http: plain, https: secure } = agents[connection];
  if (target.scheme === 'http') return http.request({ ...options, agent: plain });
  // A dev server's certificate is its own; the way there is the container's loopback.
  return https.request({ ...options, agent: secure, servername: 'localhost', rejectUnauthorized: false });
}

/** A status line's reason as the answer has it, without what no status line may hold; hostile bytes end there. */
export const reasonPhrase = ({ statusMessage = '' }: IncomingMessage): string =>
  statusMessage.replace(/[^\t\x20-\x7e\x80-\xff]/g, '');

/** Whether a body comes with the request. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
