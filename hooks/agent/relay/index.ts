/**
 * The relay: an HTTP reverse proxy inside the environment, on one fixed port. It forwards to the student's service,
 * whatever its port. It listens from the start and loads its HTTP part with the first connection.
 */
import { createServer, type Socket } from 'node:net';
import type { HttpRelay } from './http-relay.ts';
import type { ConnectionLimits, RelayOptions } from './options.ts';

export type { Link, RelayOptions } from './options.ts';

/**
 * More connections are closed at once, so that they take neither memory nor file descriptors from the agent, nor from
 * the engine's port proxy: it needs 6 files for each, and exits at its limit (3,300 connections at 20,000 files). The
 * surplus is reserved for the orchestrator's checks: a link that a flood occupies is alive. Above the local edge's
 * limit: the edge answers a visitor too many with its own page.
 */
const LIMITS: ConnectionLimits = { visitors: 1550, surplus: 50 };

/** How long a surplus connection may take for its request. */
const SURPLUS_TIMEOUT_MS = 1000;

export interface Relay {
  port: number;
  /** Ends all visits of a hostname. */
  disconnect(hostname: string): void;
  close(): Promise<void>;
}

/** Listens; rejects if the port is taken. */
export function startRelay(options: RelayOptions): Promise<Relay> {
  const limits = options.limits ?? LIMITS;
  const sockets = new Set<Socket>();
  const surplus = new WeakSet<Socket>();
  let http: Promise<HttpRelay> | null = null;
  // Half-open like the sockets of every HTTP server: a visitor who ends their side after the request still gets the response.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (sockets.size > limits.visitors) {
      surplus.add(socket);
      const timer = setTimeout(() => socket.destroy(), SURPLUS_TIMEOUT_MS);
      socket.once('close', () => clearTimeout(timer));
    }
    http ??= import('./http-relay.ts').then(({ createHttpRelay }) =>
      createHttpRelay(options, (each) => surplus.has(each)),
    );
    void http.then((each) => {
      if (!socket.destroyed) each.server.emit('connection', socket);
    });
  });
  server.maxConnections = limits.visitors + limits.surplus;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '0.0.0.0', () => {
      server.off('error', reject);
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : options.port,
        disconnect: (hostname) => void http?.then((each) => each.disconnect(hostname)),
        async close() {
          for (const socket of sockets) socket.destroy();
          await new Promise<void>((closed) => server.close(() => closed()));
          (await http)?.server.close();
        },
      });
    });
  });
}
