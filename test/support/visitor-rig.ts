/** A visitor's whole way in one process: local edge, relay, and a student's server; real sockets. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { type Link, type Relay, startRelay } from '../../hooks/agent/relay/index.ts';
import type { Route } from '../../orchestrator/edges/edge.ts';
import { createLocalEdge, type LocalEdge } from '../../orchestrator/edges/local/index.ts';
import type { Service } from '../../orchestrator/protocol/messages.ts';
import { applyRoutes } from './apply-routes.ts';
import { type Answer, browse, type Visit } from './browse.ts';
import { ownRoute } from './own-route.ts';
import { WAIT_TIMEOUT_MS } from './wait.ts';

export const silentLog = pino({ level: 'silent' });

/** The port that a server listens on. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return address.port;
}

export class VisitorRig {
  readonly edge: LocalEdge;
  readonly relay: Relay;
  service: Service | null = null;
  starting = false;
  /** Alice's links beside her own. */
  additionalLinks: Link[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #servers: Server[] = [];

  private constructor(edge: LocalEdge, relay: Relay) {
    this.edge = edge;
    this.relay = relay;
  }

  /** The link of alice is open, and nothing listens. */
  static async open(): Promise<VisitorRig> {
    let way: VisitorRig | null = null;
    const edge = createLocalEdge({ listen: '127.0.0.1:0', hostname: null, instance: 'test', log: silentLog });
    await edge.start();
    const relay = await startRelay({
      port: 0,
      host: '127.0.0.1',
      service: () => way?.service ?? null,
      furtherLinks: () => way?.additionalLinks ?? [],
      identity: () => ({ instance: 'test', student: 'alice' }),
      public: () => ({
        hostname: 'alice.test',
        url: `http://alice.test:${edge.address().port}`,
        student: 'alice',
        phase: 'open',
        starting: way?.starting ?? false,
      }),
    });
    way = new VisitorRig(edge, relay);
    await way.publish(way.route());
    return way;
  }

  get port(): number {
    return this.edge.address().port;
  }

  get host(): string {
    return `alice.test:${this.port}`;
  }

  route(): Route {
    return ownRoute('alice', 'alice.test', `http://127.0.0.1:${this.relay.port}`);
  }

  async publish(...routes: Route[]): Promise<void> {
    await applyRoutes(this.edge, routes);
  }

  /** From now on the relay leads to this server of the student's. */
  async forwardTo(server: Server, scheme: 'http' | 'https' = 'http', port = 0): Promise<void> {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    this.service = { port: portOf(server), address: '127.0.0.1', scheme, reason: 'port-variable' };
  }

  /** An HTTP server of the student's. */
  async serve(listener: RequestListener) {
    const server = createServer({ maxHeaderSize: 256 * 1024 }, listener);
    await this.forwardTo(server);
    return server;
  }

  /** A server of the student's that answers every connection's first bytes by hand. */
  async serveRaw(answer: string | ((socket: Socket, question: string) => void)): Promise<void> {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (data) => {
        if (typeof answer === 'string') socket.end(answer, 'latin1');
        else answer(socket, data.toString('latin1'));
      });
    });
    await this.forwardTo(server);
  }

  visit(path = '/', more: Partial<Visit> = {}): Promise<Answer> {
    return browse({ port: this.port, host: this.host, path, ...more });
  }

  /** Sends bytes as they are, and returns all that came back until the connection was closed. */
  async sendRaw(bytes: string, { to = this.port, timeoutMs = WAIT_TIMEOUT_MS } = {}): Promise<string> {
    const socket = connect(to, '127.0.0.1');
    let heard = '';
    socket.on('data', (data) => {
      heard += data.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.write(bytes, 'latin1');
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    clearTimeout(timer);
    return heard;
  }

  /** A visitor's WebSocket with the public Host and Origin. */
  socket(path = '/'): WebSocket {
    return new WebSocket(`ws://127.0.0.1:${this.port}${path}`, {
      headers: { host: this.host },
      origin: `http://${this.host}`,
    });
  }

  async close(): Promise<void> {
    await this.edge.stop();
    await this.relay.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }
}
