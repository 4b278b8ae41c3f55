/** The relay's HTTP part, loaded with the first connection: an idle environment never pays for it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  type Forwarding,
  forwardRequest,
  forwardUpgrade,
  MAX_HEADER_SIZE,
  refuseBadRequest,
  refuseUpgrade,
} from './forward.ts';
import type { RelayOptions } from './index.ts';
import { hostnameOf, isOwnHost, type Names, toService, toVisitor } from './rewrite.ts';
import { type Waiting, waitingJson, waitingPage } from './waiting-page.ts';

/** Reserved: answers whose relay this is, and never reaches a student's program. */
export const IDENTITY_PATH = '/.well-known/devenv';

/** A visitor has this long to send a request's headers, in ms; bodies may take as long as they take. */
const HEADERS_TIMEOUT = 30_000;

function waitingOf(options: RelayOptions): Waiting {
  const { student, phase, starting } = options.public();
  return { student, phase, starting };
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
  };
  response.writeHead(status, status === 503 ? { ...headers, 'retry-after': '2' } : headers).end(body);
}

function answerWaiting(request: IncomingMessage, response: ServerResponse, options: RelayOptions): void {
  // What the visitor still sends is read and dropped, so that they get to read the answer.
  request.resume();
  const wantsJson = request.headers.accept?.includes('application/json') ?? false;
  if (wantsJson) answer(response, 503, 'application/json', waitingJson(waitingOf(options)));
  else answer(response, 503, 'text/html', waitingPage(waitingOf(options)));
}

/** How to reach the service for this request; null while nothing listens. */
function forwardingOf(request: IncomingMessage, options: RelayOptions): Forwarding | null {
  const service = options.service();
  if (service === null) return null;
  const { hostname, url } = options.public();
  const names: Names = {
    hostname,
    url,
    host: request.headers.host ?? hostname,
    local: `${service.scheme}://localhost:${service.port}`,
  };
  return {
    target: { host: service.address, port: service.port, scheme: service.scheme },
    requestHeaders: toService(request.rawHeaders, names),
    responseHeaders: (headers) => toVisitor(headers, names),
  };
}

function isMisdirected(request: IncomingMessage, options: RelayOptions): boolean {
  const { host } = request.headers;
  return host !== undefined && !isOwnHost(host, options.public().hostname);
}

function onRequest(request: IncomingMessage, response: ServerResponse, options: RelayOptions): void {
  if (isMisdirected(request, options)) {
    request.resume();
    const name = hostnameOf(request.headers.host ?? '').slice(0, 100);
    return answer(response, 421, 'text/plain', `${name} does not lead here.\n`);
  }
  if (request.url?.split('?')[0] === IDENTITY_PATH) {
    request.resume();
    return answer(response, 200, 'application/json', `${JSON.stringify(options.identity())}\n`);
  }
  const forwarding = forwardingOf(request, options);
  if (forwarding === null) return answerWaiting(request, response, options);
  forwardRequest(request, response, forwarding, () => answerWaiting(request, response, options));
}

function onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer, options: RelayOptions): void {
  const refuse = (status: string) => refuseUpgrade(socket, status);
  if (isMisdirected(request, options)) return void refuse('421 Misdirected Request');
  const forwarding = forwardingOf(request, options);
  if (forwarding === null) return void refuse('503 Service Unavailable');
  forwardUpgrade(request, socket, head, forwarding, () => refuse('503 Service Unavailable'));
}

/** A server that listens on nothing: it is handed its connections. */
export function createHttpRelay(options: RelayOptions): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_SIZE,
    headersTimeout: HEADERS_TIMEOUT,
    requestTimeout: 0,
    keepAliveTimeout: 60_000,
    connectionsCheckingInterval: 10_000,
  });
  server.on('request', (request, response) => onRequest(request, response, options));
  server.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    onUpgrade(request, socket, head, options);
  });
  server.on('clientError', refuseBadRequest);
  return server;
}
