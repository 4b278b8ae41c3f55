/** Local edge, relay and a student's server in one process, connected by real sockets. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { type Link, type Relay, startRelay } from '../../hooks/agent/relay/index.ts';
import type { Route } from '../../orchestrator/edges/edge.ts';
import type { LocalEdge } from '../../orchestrator/edges/local/index.ts';
import type { Service } from '../../orchestrator/protocol/messages.ts';
import { hashRelayKey } from '../../orchestrator/protocol/relay-key.ts';
import { applyRoutes } from './apply-routes.ts';
import { type Answer, browse, type Visit } from './browse.ts';
import { createInProcessEdge } from './in-process-edge.ts';
import { ownRoute } from './own-route.ts';
import { WAIT_TIMEOUT_MS } from './wait.ts';

/** The key of alice's relay. */
export const RELAY_KEY = 'relaykeyofthetests';

/** The port on which a server listens. */
export function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not listening');
  return address.port;
}

export class VisitorRig {
  readonly edge: LocalEdge;
  readonly relay: Relay;
  service: Service | null = null;
  isStarting = false;
  /** Whether the relay takes the requests that it gets for those of programs in the environment. */
  isInside = false;
  /** Alice's additional links. */
  additionalLinks: Link[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #servers: Server[] = [];

  private constructor(edge: LocalEdge, relay: Relay) {
    this.edge = edge;
    this.relay = relay;
  }

  /** Alice's link is open, and nothing listens. */
  static async open(): Promise<VisitorRig> {
    let rig: VisitorRig | null = null;
    const edge = createInProcessEdge();
    await edge.start();
    const relay = await startRelay({
      port: 0,
      host: '127.0.0.1',
      keyHash: hashRelayKey(RELAY_KEY),
      isInside: () => rig?.isInside ?? false,
      ownLink: () => ({
        hostname: 'alice.test',
        url: `http://alice.test:${edge.address().port}`,
        service: rig?.service ?? null,
        isOpen: true,
      }),
      additionalLinks: () => rig?.additionalLinks ?? [],
      identity: () => ({ instance: 'test', student: 'alice' }),
      status: () => ({ phase: 'open', isStarting: rig?.isStarting ?? false }),
    });
    rig = new VisitorRig(edge, relay);
    await rig.publish(rig.route());
    return rig;
  }

  get port(): number {
    return this.edge.address().port;
  }

  get host(): string {
    return `alice.test:${this.port}`;
  }

  route(): Route {
    const route = ownRoute('alice', 'alice.test', `http://127.0.0.1:${this.relay.port}`);
    return { ...route, relayKey: RELAY_KEY };
  }

  async publish(...routes: Route[]): Promise<void> {
    await applyRoutes(this.edge, routes);
  }

  /** Starts a server of the student; the relay forwards to it from then on. */
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

  /** Starts an HTTP server of the student. */
  async serve(listener: RequestListener) {
    const server = createServer({ maxHeaderSize: 256 * 1024 }, listener);
    await this.forwardTo(server);
    return server;
  }

  /** Starts a TCP server of the student that answers the first bytes of each connection with raw bytes. */
  async serveRaw(answer: string | ((socket: Socket, request: string) => void)): Promise<void> {
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

  /** Sends raw bytes, and returns everything received until the connection closes. */
  async sendRaw(bytes: string, { to = this.port, timeoutMs = WAIT_TIMEOUT_MS } = {}): Promise<string> {
    const socket = connect(to, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => {
      received += data.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.write(bytes, 'latin1');
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    clearTimeout(timer);
    return received;
  }

  /** A visitor's WebSocket with the public Host and Origin headers. */
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
