/** Requests to the upstream: the student's service for the relay, the relay for the local edge. */
import http, { type ClientRequest, type IncomingMessage, type InformationEvent } from 'node:http';
import https from 'node:https';
import type { Transform } from 'node:stream';
import { type HeaderList, withoutHopByHop } from './header-list.ts';

/** Next's dev server alone sends cookies and RSC headers of tens of KB; Node's default of 16 KB refuses them. */
export const MAX_HEADER_BYTES = 128 * 1024;

/** Informational responses (1xx) accepted before the final response. A server that sends more never sends one. */
const MAX_INFORMATIONAL_RESPONSES = 16;

export interface Upstream {
  host: string;
  port: number;
  scheme: 'http' | 'https';
}

export interface ForwardOptions {
  target: Upstream;
  /** Path and query. */
  path: string;
  /** Rewrites the visitor's headers, already without hop-by-hop ones, for the upstream. */
  requestHeaders(headers: HeaderList): HeaderList;
  /** Rewrites the upstream's headers for the visitor. */
  responseHeaders(headers: HeaderList): HeaderList;
  /** Changes the body on its way to the visitor; null if it passes as it is. */
  responseBody?(incoming: IncomingMessage): Transform | null;
}

/** `pooled` connections serve many requests; a `single-use` one is closed after its request. */
export type ConnectionUse = 'pooled' | 'single-use';

const AGENT_OPTIONS = { keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: 32 };

/**
 * Closes the connection after use without sending `Connection: close`. A server that reads that header closes right
 * after its answer; if it has not read the whole body by then, the kernel resets the connection and the answer is lost
 * (RFC 9112 §9.6).
 */
function withoutReuse<Agent extends http.Agent>(agent: Agent): Agent {
  return Object.assign(agent, { keepSocketAlive: () => false });
}

const agents: Record<ConnectionUse, { http: http.Agent; https: https.Agent }> = {
  pooled: { http: new http.Agent(AGENT_OPTIONS), https: new https.Agent(AGENT_OPTIONS) },
  'single-use': {
    http: withoutReuse(new http.Agent(AGENT_OPTIONS)),
    https: withoutReuse(new https.Agent(AGENT_OPTIONS)),
  },
};

/**
 * Passes informational responses to `onInformation`. They have no backpressure, so a server that sends them forever
 * would fill our memory: beyond the limit the request fails, as with a server that does not speak HTTP.
 */
export function limitInformationalResponses(
  outgoing: ClientRequest,
  onInformation: (information: InformationEvent) => void = () => {},
): void {
  let count = 0;
  outgoing.on('information', (information) => {
    count += 1;
    // Node goes on parsing the current chunk after `destroy`, so more of them may follow.
    if (count <= MAX_INFORMATIONAL_RESPONSES) onInformation(information);
    else outgoing.destroy(Object.assign(new Error('no end of 1xx'), { code: 'HPE_INFORMATIONAL' }));
  });
}

/**
 * Opens a request. A service that restarted has closed its pooled connections, so use those only for requests that may
 * be sent twice.
 */
export function openUpstreamRequest(
  request: IncomingMessage,
  { target, path, requestHeaders }: ForwardOptions,
  use: ConnectionUse,
  extraHeaders: HeaderList,
): ClientRequest {
  const options = {
    host: target.host,
    port: target.port,
    method: request.method ?? 'GET',
    path,
    // Headers that `Connection` names are dropped first, so that no visitor can name one that is added here.
    headers: [...requestHeaders(withoutHopByHop(request.rawHeaders)), ...extraHeaders],
    setHost: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  if (target.scheme === 'http') return http.request({ ...options, agent: agents[use].http });
  // A dev server's certificate is self-signed; the connection never leaves the container's loopback interface.
  return https.request({
    ...options,
    agent: agents[use].https,
    servername: 'localhost',
    rejectUnauthorized: false,
  });
}

/** The response's reason phrase without the bytes that a status line must not contain. */
export const reasonPhrase = ({ statusMessage = '' }: IncomingMessage): string =>
  statusMessage.replace(/[^\t\x20-\x7e\x80-\xff]/g, '');

/** Whether the request has a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
