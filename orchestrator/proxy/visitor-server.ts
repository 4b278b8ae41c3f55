/** The HTTP server that visitors connect to, for the relay and for the local edge. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { isWebSocket } from './forward-upgrade.ts';
import { rejectWithStatus } from './graceful-close.ts';
import { MAX_HEADER_BYTES } from './upstream-request.ts';

/** How long a visitor may take to send a request's headers. Bodies have no time limit. */
const HEADERS_TIMEOUT_MS = 15_000;

/** After this much silence TCP probes whether the visitor is still there: a closed laptop sends no goodbye. */
const TCP_KEEPALIVE_DELAY_MS = 60_000;

const IDLE_CONNECTION_TIMEOUT_MS = 60_000;
const TIMEOUT_CHECK_INTERVAL_MS = 5000;

function statusFor({ code }: NodeJS.ErrnoException): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}

/**
 * Answers malformed requests and CONNECT with an error status, and closes. Never in the middle of another response: the
 * visitor would read the status line as its end.
 */
function refuseBadRequests(server: Server): void {
  const pending = new WeakMap<Duplex, Set<ServerResponse>>();
  server.on('request', ({ socket }, response) => {
    const responses = pending.get(socket) ?? new Set();
    pending.set(socket, responses.add(response));
    response.once('close', () => responses.delete(response));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const [response, ...pipelined] = pending.get(socket) ?? [];
    if (!socket.writable || response?.headersSent || pipelined.length > 0) socket.destroy();
    else rejectWithStatus(socket, statusFor(error));
  });
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    rejectWithStatus(socket, '501 Not Implemented');
  });
}

/** Creates a server that refuses malformed and slow requests. The caller adds listeners for `request` and `upgrade`. */
export function createVisitorServer(): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    keepAliveTimeout: IDLE_CONNECTION_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEPALIVE_DELAY_MS,
    shouldUpgradeCallback: isWebSocket,
  });
  refuseBadRequests(server);
  return server;
}
