/** The relay's HTTP part, loaded with the first connection: an idle environment never pays for it. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { IDENTITY_PATH } from '../../../orchestrator/protocol/constants.ts';
import { linkFingerprint } from '../../../orchestrator/protocol/link-fingerprint.ts';
import type { RelayIdentity, Service } from '../../../orchestrator/protocol/messages.ts';
import { forwardRequest, type UpstreamFailure } from '../../../orchestrator/proxy/forward-request.ts';
import { forwardUpgrade } from '../../../orchestrator/proxy/forward-upgrade.ts';
import { drainBodyAfterResponse, rejectWithStatus } from '../../../orchestrator/proxy/graceful-close.ts';
import { hostnameFromHeader } from '../../../orchestrator/proxy/host-header.ts';
import { type RequestTarget, requestTarget } from '../../../orchestrator/proxy/request-target.ts';
import type { ForwardOptions } from '../../../orchestrator/proxy/upstream-request.ts';
import { VisitorConnections } from '../../../orchestrator/proxy/visitor-connections.ts';
import { createVisitorServer } from '../../../orchestrator/proxy/visitor-server.ts';
import type { Link, RelayOptions } from './options.ts';
import { isOwnHost, type Names, toService, toVisitor } from './rewrite.ts';
import { type Waiting, waitingJson, waitingPage } from './waiting-page.ts';

export interface HttpRelay {
  /** Listens on nothing: it is handed its connections. */
  server: Server;
  /** Ends what is under way for visitors of a hostname. */
  disconnect(hostname: string): void;
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  // What the visitor still sends is read and dropped, so that they get to read the answer.
  drainBodyAfterResponse(response.req, response);
  response.req.resume();
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
  };
  response.writeHead(status, status === 503 ? { ...headers, 'retry-after': '2' } : headers).end(body);
}

function waitingFor(why: UpstreamFailure | 'unwanted', starting: boolean): Waiting['waitingFor'] {
  switch (why) {
    case 'unwanted':
      return 'link';
    case 'refused':
      return starting ? 'start' : 'service';
    case 'broken-off':
      return 'answer';
    case 'not-http':
      return 'http';
  }
}

/** 503 in every case: Cloudflare puts a page of its own in the place of a 502 or 504. */
function answerWaiting(
  response: ServerResponse,
  options: RelayOptions,
  why: UpstreamFailure | 'unwanted',
): void {
  const { student, phase, starting } = options.public();
  const { method, headers } = response.req;
  const isGet = method === 'GET' || method === 'HEAD';
  const waiting = { student, phase, isGet, waitingFor: waitingFor(why, starting) };
  const { accept = '' } = headers;
  const wantsJson = accept.includes('application/json') && !accept.includes('text/html');
  if (wantsJson) answer(response, 503, 'application/json', waitingJson(waiting));
  else answer(response, 503, 'text/html', waitingPage(waiting));
}

/** The student's links, their own first. */
function linksOf(options: RelayOptions): [Link, ...Link[]] {
  const { hostname, url } = options.public();
  const isWanted = options.isWanted?.() ?? true;
  const own = { hostname, url, service: options.service(), isWanted };
  return [own, ...(options.furtherLinks?.() ?? [])];
}

/** The link that a request came by; null where it is none of the student's. */
function linkOf({ host }: RequestTarget, [own, ...further]: [Link, ...Link[]]): Link | null {
  if (host === '' || isOwnHost(host, own.hostname)) return own;
  return further.find(({ hostname }) => hostname === hostnameFromHeader(host)) ?? null;
}

/** Who comes by the public name is let in while the link is wanted; by a local name, somebody on this machine always is. */
const isShut = ({ host }: RequestTarget, { hostname, isWanted }: Link) =>
  hostnameFromHeader(host) === hostname && !isWanted;

const localUrl = ({ scheme, port }: Service) => `${scheme}://localhost:${port}`;

/** How to reach the service of one of the links for this request; null while nothing listens. */
function forwardingOf(
  request: IncomingMessage,
  { host, path }: RequestTarget,
  { hostname, url, service }: Link,
  links: readonly Link[],
): ForwardOptions | null {
  if (service === null) return null;
  const names: Names = {
    hostname,
    url,
    host: host === '' ? hostname : host,
    local: localUrl(service),
    origin: request.headers.origin,
    others: links.flatMap((other) => {
      // The name of a link that has closed may be somebody else's by now.
      if (other.hostname === hostname || other.service === null || !other.isWanted) return [];
      return [{ url: other.url, local: localUrl(other.service) }];
    }),
  };
  return {
    target: { host: service.address, port: service.port, scheme: service.scheme },
    path,
    requestHeaders: (headers) => toService(headers, names),
    responseHeaders: (headers) => toVisitor(headers, names),
  };
}

function onRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: RelayOptions,
  visitors: VisitorConnections,
): void {
  const target = requestTarget(request);
  if (target === null) return answer(response, 400, 'text/plain', 'Which host is it?\n');
  const links = linksOf(options);
  const link = linkOf(target, links);
  if (link === null) {
    const name = hostnameFromHeader(target.host).slice(0, 100);
    return answer(response, 421, 'text/plain', `${name} does not lead here.\n`);
  }
  if (target.path.split('?')[0] === IDENTITY_PATH) {
    const { instance, student } = options.identity();
    const identity: RelayIdentity = {
      fingerprint: linkFingerprint(instance, student, link.hostname),
      isServing: link.service !== null && !isShut(target, link),
    };
    return answer(response, 200, 'application/json', `${JSON.stringify(identity)}\n`);
  }
  const wait = (why: UpstreamFailure | 'unwanted') => answerWaiting(response, options, why);
  if (isShut(target, link)) return wait('unwanted');
  const forwarding = forwardingOf(request, target, link, links);
  if (forwarding === null) return wait('refused');
  visitors.admit(hostnameFromHeader(target.host), request.socket, response);
  forwardRequest(request, response, forwarding, wait);
}

function onUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  options: RelayOptions,
  visitors: VisitorConnections,
): void {
  const target = requestTarget(request);
  if (target === null) return rejectWithStatus(socket, '400 Bad Request');
  const links = linksOf(options);
  const link = linkOf(target, links);
  if (link === null) return rejectWithStatus(socket, '421 Misdirected Request');
  const forwarding = forwardingOf(request, target, link, links);
  if (forwarding === null || isShut(target, link)) return rejectWithStatus(socket, '503 Service Unavailable');
  visitors.admit(hostnameFromHeader(target.host), socket);
  forwardUpgrade(request, socket, head, forwarding, () =>
    rejectWithStatus(socket, '503 Service Unavailable'),
  );
}

export function createHttpRelay(options: RelayOptions): HttpRelay {
  const server = createVisitorServer();
  const visitors = new VisitorConnections();
  server.on('request', (request, response) => onRequest(request, response, options, visitors));
  server.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    onUpgrade(request, socket, head, options, visitors);
  });
  // Node starts to watch over `headersTimeout` when a server listens, which this one never does by itself.
  server.emit('listening');
  return {
    server,
    disconnect: (hostname) =>
      visitors.disconnect(hostname, (response) => answerWaiting(response, options, 'unwanted')),
  };
}
