/** The relay's HTTP part, loaded with the first connection: an idle environment never pays for it. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Failure, forwardRequest } from './forward.ts';
import type { FurtherLink, RelayOptions } from './options.ts';
import type { Forwarding } from './outgoing.ts';
import { dropBodyAfter, refuse } from './refuse.ts';
import { type RequestTarget, requestTarget } from './request-target.ts';
import { hostnameOf, isOwnHost, type Names, toService, toVisitor } from './rewrite.ts';
import { forwardUpgrade } from './upgrade.ts';
import { createVisitorServer } from './visitor-server.ts';
import { IDENTITY_PATH, type Waiting, waitingJson, waitingPage } from './waiting-page.ts';

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
): void {
  // What the visitor still sends is read and dropped, so that they get to read the answer.
  dropBodyAfter(request, response);
  request.resume();
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
  };
  response.writeHead(status, status === 503 ? { ...headers, 'retry-after': '2' } : headers).end(body);
}

function waitingFor(failure: Failure, starting: boolean): Waiting['waitingFor'] {
  switch (failure) {
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
  request: IncomingMessage,
  response: ServerResponse,
  options: RelayOptions,
  failure: Failure,
): void {
  const { student, phase, starting } = options.public();
  const isGet = request.method === 'GET' || request.method === 'HEAD';
  const waiting = { student, phase, isGet, waitingFor: waitingFor(failure, starting) };
  const { accept = '' } = request.headers;
  const wantsJson = accept.includes('application/json') && !accept.includes('text/html');
  if (wantsJson) answer(request, response, 503, 'application/json', waitingJson(waiting));
  else answer(request, response, 503, 'text/html', waitingPage(waiting));
}

/** The link that a request came by: the student's own, or a further one; null where it is none of theirs. */
function linkOf({ host }: RequestTarget, options: RelayOptions): FurtherLink | null {
  const further = options.furtherLink?.(hostnameOf(host));
  if (further !== undefined) return further;
  const { hostname, url } = options.public();
  if (host !== '' && !isOwnHost(host, hostname)) return null;
  return { hostname, url, service: options.service() };
}

/** How to reach the service for this request; null while nothing listens. */
function forwardingOf(
  request: IncomingMessage,
  { host, path }: RequestTarget,
  { hostname, url, service }: FurtherLink,
): Forwarding | null {
  if (service === null) return null;
  const names: Names = {
    hostname,
    url,
    host: host === '' ? hostname : host,
    local: `${service.scheme}://localhost:${service.port}`,
  };
  return {
    target: { host: service.address, port: service.port, scheme: service.scheme },
    path,
    requestHeaders: toService(request.rawHeaders, names),
    responseHeaders: (headers) => toVisitor(headers, names),
  };
}

function onRequest(request: IncomingMessage, response: ServerResponse, options: RelayOptions): void {
  const target = requestTarget(request);
  if (target === null) return answer(request, response, 400, 'text/plain', 'Which host is it?\n');
  const link = linkOf(target, options);
  if (link === null) {
    const name = hostnameOf(target.host).slice(0, 100);
    return answer(request, response, 421, 'text/plain', `${name} does not lead here.\n`);
  }
  if (target.path.split('?')[0] === IDENTITY_PATH) {
    const service = link.service?.port ?? null;
    const identity = { ...options.identity(), hostname: link.hostname, service };
    return answer(request, response, 200, 'application/json', `${JSON.stringify(identity)}\n`);
  }
  const wait = (failure: Failure) => answerWaiting(request, response, options, failure);
  const forwarding = forwardingOf(request, target, link);
  if (forwarding === null) wait('refused');
  else forwardRequest(request, response, forwarding, wait);
}

function onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer, options: RelayOptions): void {
  const target = requestTarget(request);
  if (target === null) return refuse(socket, '400 Bad Request');
  const link = linkOf(target, options);
  if (link === null) return refuse(socket, '421 Misdirected Request');
  const forwarding = forwardingOf(request, target, link);
  if (forwarding === null) return refuse(socket, '503 Service Unavailable');
  forwardUpgrade(request, socket, head, forwarding, () => refuse(socket, '503 Service Unavailable'));
}

/** A server that listens on nothing: it is handed its connections. */
export function createHttpRelay(options: RelayOptions): Server {
  const server = createVisitorServer();
  server.on('request', (request, response) => onRequest(request, response, options));
  server.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    onUpgrade(request, socket, head, options);
  });
  // Node starts to watch over `headersTimeout` when a server listens, which this one never does by itself.
  server.emit('listening');
  return server;
}
