/** The HTTP server that visitors talk to: the relay's, and the local edge's. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { isWebSocket } from './forward-upgrade.ts';
import { rejectWithStatus } from './graceful-close.ts';
import { MAX_HEADER_BYTES } from './upstream-request.ts';

/** A visitor has this long to send a request's headers, in ms; bodies may take as long as they take. */
const HEADERS_TIMEOUT = 15_000;

/** A visitor that is silent for this long is asked by TCP whether it is still there, in ms: laptops just close. */
const SILENCE = 60_000;

function statusFor({ code }: NodeJS.ErrnoException): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}

/**
 * What can't be read as a request is answered in HTTP's words, and over; so is CONNECT. Never in the middle of
 * another answer: what is pipelined behind it would be taken for its end.
 */
function refuseBadRequests(server: Server): void {
  const open = new WeakMap<Duplex, Set<ServerResponse>>();
  server.on('request', ({ socket }, response) => {
    const responses = open.get(socket) ?? new Set();
    open.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const [response, ...more] = open.get(socket) ?? [];
    if (!socket.writable || response?.headersSent || more.length > 0) socket.destroy();
    else rejectWithStatus(socket, statusFor(error));
  });
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    rejectWithStatus(socket, '501 Not Implemented');
  });
}

/** Without a listener for `request` and `upgrade` yet; what is no request, or comes too slowly, is seen to. */
export function createVisitorServer(): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT,
    requestTimeout: 0,
    keepAliveTimeout: 60_000,
    connectionsCheckingInterval: 5000,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: SILENCE,
    shouldUpgradeCallback: isWebSocket,
  });
  refuseBadRequests(server);
  return server;
}
