/**
 * Clean ends: answers where there is no response object (what can't be read as a request, a refused upgrade), and
 * what becomes of a body that nobody wants any more.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { hasBody } from './upstream-request.ts';

/**
 * How long a visitor may go on sending after the answer, in ms. Closing at once with bytes unread makes the kernel
 * reset the connection, and the answer is lost with it (RFC 9112 §9.6).
 */
const LINGER = 2000;

function destroyAfterLinger(socket: Duplex): NodeJS.Timeout {
  const timer = setTimeout(() => socket.destroy(), LINGER).unref();
  socket.once('close', () => clearTimeout(timer));
  return timer;
}

/** Says the last words, if any, and closes; what the other side still sends is read and dropped. */
export function closeGracefully(socket: Duplex, words = ''): void {
  socket.end(words, 'latin1');
  socket.resume();
  destroyAfterLinger(socket);
}

/** Answers on a bare socket, and closes it. */
export function rejectWithStatus(socket: Duplex, status: string): void {
  closeGracefully(socket, `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/**
 * Once the answer is out, the rest of a body is dropped; a visitor who goes on sending is disconnected. To be called
 * before the answer's head is written: Node closes at once behind an answer to who asked for `Connection: close`.
 */
export function drainBodyAfterResponse(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || !hasBody(request)) return;
  const isLast = !response.shouldKeepAlive;
  // HTTP/1.0 has no other end of an answer without a length.
  if (request.httpVersion !== '1.0') response.shouldKeepAlive = true;
  response.once('finish', () => {
    if (request.complete && !isLast) return;
    request.unpipe();
    request.resume();
    const timer = destroyAfterLinger(request.socket);
    // A body that ends in time leaves the connection to the next request.
    if (!isLast) request.once('end', () => clearTimeout(timer));
  });
}
