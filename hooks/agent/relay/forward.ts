/**
 * Streams a request to another HTTP server and its answer back: nothing is buffered whole, and whichever side goes
 * takes the other with it. The relay uses it towards the student's service, the local edge towards the relay.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type HeaderList, withoutHopByHop } from './headers.ts';

/** Next's dev server alone sends cookies and RSC headers of tens of KB; Node's default of 16 KB refuses them. */
export const MAX_HEADER_SIZE = 128 * 1024;

export interface Target {
  host: string;
  port: number;
  scheme: 'http' | 'https';
}

export interface Forwarding {
  target: Target;
  /** Headers for the target, `Host` included; hop-by-hop ones are taken out afterwards. */
  requestHeaders: HeaderList;
  /** The answer's headers, changed for the visitor. */
  responseHeaders(headers: HeaderList): HeaderList;
}

const agents = {
  http: new http.Agent({ keepAlive: true, keepAliveMsecs: 1000, timeout: 0, maxFreeSockets: 32 }),
  https: new https.Agent({ keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: 32 }),
};

/** For a server's `clientError`: what could not be read as a request is answered in HTTP's words, and over. */
export function refuseBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  if (socket.writable) refuseUpgrade(socket, status);
}

/** Answers on a bare socket, and closes it. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function openRequest(request: IncomingMessage, { target, requestHeaders }: Forwarding, extra: HeaderList) {
  const options = {
    host: target.host,
    port: target.port,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: [...withoutHopByHop(requestHeaders), ...extra],
    setHost: false,
    maxHeaderSize: MAX_HEADER_SIZE,
  };
  if (target.scheme === 'http') return http.request({ ...options, agent: agents.http });
  // A dev server's certificate is its own; the way there is the container's loopback.
  return https.request({ ...options, agent: agents.https, rejectUnauthorized: false });
}

/** A request without a body may be sent again when a kept connection turns out to be closed. */
const hasBody = (request: IncomingMessage) =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;

/**
 * Forwards one request. `onUnreachable` is called where no answer has begun, to answer in our own words; an answer
 * that breaks off later is broken off for the visitor too, so that nobody takes half a file for a whole one.
 */
export function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  forwarding: Forwarding,
  onUnreachable: (error: Error) => void,
): void {
  const chunked = request.headers['transfer-encoding'] === undefined ? [] : ['Transfer-Encoding', 'chunked'];
  const outgoing = openRequest(request, forwarding, chunked);
  outgoing.once('response', (incoming) => {
    const headers = forwarding.responseHeaders(withoutHopByHop(incoming.rawHeaders));
    response.sendDate = false;
    response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage ?? '', headers);
    // Server-sent events begin with headers alone: the visitor must see them now.
    response.flushHeaders();
    incoming.pipe(response);
    incoming.once('error', () => response.destroy());
    incoming.once('close', () => {
      if (!incoming.complete) response.destroy();
    });
  });
  outgoing.once('error', (error: NodeJS.ErrnoException) => {
    if (response.destroyed) return;
    if (response.headersSent) response.destroy();
    else if (outgoing.reusedSocket && error.code === 'ECONNRESET' && !hasBody(request)) {
      forwardRequest(request, response, forwarding, onUnreachable);
    } else onUnreachable(error);
  });
  response.once('close', () => outgoing.destroy());
  request.once('error', () => outgoing.destroy());
  request.pipe(outgoing);
}

function writeHead(socket: Duplex, incoming: IncomingMessage, headers: HeaderList): void {
  const lines = [`HTTP/1.1 ${incoming.statusCode} ${incoming.statusMessage}`];
  for (let at = 0; at + 1 < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}

/** Two sockets as one: what one says the other hears, and they end together. */
function join(visitor: Duplex, service: Socket): void {
  for (const [from, to] of [
    [visitor, service],
    [service, visitor],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}

/** Forwards an upgrade (WebSocket). A service that refuses it is heard too. */
export function forwardUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  forwarding: Forwarding,
  onUnreachable: () => void,
): void {
  const upgrade = ['Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? 'websocket'];
  const outgoing = openRequest(request, forwarding, upgrade);
  socket.on('error', () => outgoing.destroy());
  socket.on('close', () => outgoing.destroy());
  outgoing.once('error', onUnreachable);
  outgoing.once('upgrade', (incoming, service, serviceHead) => {
    writeHead(socket, incoming, forwarding.responseHeaders(incoming.rawHeaders));
    service.setNoDelay(true);
    socket.setNoDelay(true);
    if (serviceHead.length > 0) socket.write(serviceHead);
    if (head.length > 0) service.write(head);
    join(socket, service);
  });
  outgoing.once('response', (incoming) => {
    const headers = forwarding.responseHeaders(withoutHopByHop(incoming.rawHeaders));
    writeHead(socket, incoming, [...headers, 'Connection', 'close']);
    incoming.pipe(socket);
  });
  outgoing.end();
}
