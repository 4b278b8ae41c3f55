/**
 * Closes connections without losing the answer: for sockets without a response object (malformed requests, refused
 * upgrades), and for requests whose body is no longer needed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { hasBody } from './upstream-request.ts';

/**
 * How long a visitor may go on sending after the answer. If we closed with unread bytes, the kernel would reset the
 * connection, and the visitor would lose the answer (RFC 9112 §9.6).
 */
const LINGER_MS = 2000;

function destroyAfterLinger(socket: Duplex): NodeJS.Timeout {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  return timer;
}

/** Sends `lastText`, if any, and closes. Whatever the other side still sends is read and discarded. */
export function closeGracefully(socket: Duplex, lastText = ''): void {
  socket.end(lastText, 'latin1');
  socket.resume();
  destroyAfterLinger(socket);
}

/** Answers on a bare socket with a status line and no body, and closes it. */
export function rejectWithStatus(socket: Duplex, status: string): void {
  closeGracefully(socket, `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/**
 * Discards the rest of a request's body once the answer is sent, and disconnects a visitor who goes on sending. Call it
 * before the answer's head is written: Node closes at once after an answer to a request with `Connection: close`.
 */
export function drainBodyAfterResponse(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || !hasBody(request)) return;
  const isLast = !response.shouldKeepAlive;
  // In HTTP/1.0 only the end of the connection ends an answer without a length.
  if (request.httpVersion !== '1.0') response.shouldKeepAlive = true;
  response.once('finish', () => {
    if (request.complete && !isLast) return;
    request.unpipe();
    request.resume();
    const timer = destroyAfterLinger(request.socket);
    // If the body ends in time, the connection serves the next request.
    if (!isLast) request.once('end', () => clearTimeout(timer));
  });
}
