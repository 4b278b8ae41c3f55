/**
 * The relay: an HTTP reverse proxy inside the environment, on one fixed port, that forwards to whatever the student
 * runs. It listens from the start and loads HTTP with the first connection.
 */
import { createServer, type Socket } from 'node:net';
import type { HttpRelay } from './http-relay.ts';
import type { RelayOptions } from './options.ts';

export type { Link, RelayOptions } from './options.ts';

/** Visitors' connections at once; more are closed at once, so that they take neither memory nor files from the agent. */
const MAX_CONNECTIONS = 4096;

export interface Relay {
  port: number;
  /** Ends what is under way for visitors of a hostname. */
  disconnect(hostname: string): void;
  close(): Promise<void>;
}

/** Listens; rejects where the port is taken. */
export function startRelay(options: RelayOptions): Promise<Relay> {
  const open = new Set<Socket>();
  let http: Promise<HttpRelay> | null = null;
  // Half-open as every HTTP server's sockets: who ends their side after the question still gets the answer's end.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    http ??= import('./http-relay.ts').then(({ createHttpRelay }) => createHttpRelay(options));
    void http.then((each) => {
      if (!socket.destroyed) each.server.emit('connection', socket);
    });
  });
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '0.0.0.0', () => {
      server.off('error', reject);
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : options.port,
        disconnect: (hostname) => void http?.then((each) => each.disconnect(hostname)),
        async close() {
          for (const socket of open) socket.destroy();
          await new Promise<void>((closed) => server.close(() => closed()));
          (await http)?.server.close();
        },
      });
    });
  });
}
