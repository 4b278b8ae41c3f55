/**
 * Stands for Cloudflare's edge and `cloudflared` together, towards a visitor: a request is served only if DNS leads
 * to the tunnel and the connector has caught up with a rule for it. HTTP here, HTTPS as far as the service can tell.
 *
 * A hostname without a record gets the edge's page 530 / 1016. A real visitor's resolver would not even find the
 * name; over one address that cannot be shown, and 530 is what is left of it.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { forwardRequest } from '../../orchestrator/proxy/forward-request.ts';
import { forwardUpgrade } from '../../orchestrator/proxy/forward-upgrade.ts';
import { rejectWithStatus } from '../../orchestrator/proxy/graceful-close.ts';
import { mapHeaders } from '../../orchestrator/proxy/header-list.ts';
import type { ForwardOptions } from '../../orchestrator/proxy/upstream-request.ts';
import { createVisitorServer } from '../../orchestrator/proxy/visitor-server.ts';
import type { CloudflareAccount } from './account.ts';
import { createMetricsServer } from './connector-metrics.ts';
import type { Connector } from './tunnel.ts';
import { routeVisitor, type VisitorRoute } from './visitor-route.ts';

export interface MockConnectorOptions {
  /** Where visitors come in; 0, the default, for any free port. */
  port?: number;
  /** Where `cloudflared --metrics` would listen; 0, the default, for any free port. */
  metricsPort?: number;
  /** Whose metrics: the account's first connector by default. */
  connector?: Connector;
}

/** What cloudflared sets; a visitor's own of these names are not believed. */
const EDGE_HEADERS = /^(cf-|x-forwarded-proto$|x-forwarded-host$|cdn-loop$)/;

const hostnameOf = (host: string) => host.replace(/:\d+$/, '').toLowerCase();
const pathOf = (url: string) => url.replace(/[?#].*$/s, '');

function listenOn(server: Server, port: number): Promise<unknown> {
  server.listen(port, '127.0.0.1');
  return once(server, 'listening');
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the connector has been stopped');
  return address.port;
}

export class MockConnector {
  readonly #account: CloudflareAccount;
  readonly #visitors: Server;
  readonly #metrics: Server;
  readonly #sockets = new Set<Socket>();
  #requests = 0;

  private constructor(account: CloudflareAccount, connector: Connector) {
    this.#account = account;
    this.#visitors = createVisitorServer();
    this.#visitors.on('request', (request, response) => this.#onRequest(request, response));
    this.#visitors.on('upgrade', (request, socket: Socket, head) => this.#onUpgrade(request, socket, head));
    this.#visitors.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#metrics = createMetricsServer(account, connector);
  }

  /** Listens on 127.0.0.1. Rejects with the system's error where a port is taken. */
  static async start(account: CloudflareAccount, options: MockConnectorOptions = {}): Promise<MockConnector> {
    const connector = options.connector ?? account.connectors[0] ?? account.tunnel.addConnector(0);
    const mock = new MockConnector(account, connector);
    await listenOn(mock.#visitors, options.port ?? 0);
    try {
      await listenOn(mock.#metrics, options.metricsPort ?? 0);
    } catch (error) {
      await mock.stop();
      throw error;
    }
    return mock;
  }

  /** Where visitors come in, on 127.0.0.1: they say with `Host` whom they want. */
  get port(): number {
    return portOf(this.#visitors);
  }

  /** The value for `DEVENV_CONNECTOR_METRICS`. */
  get metricsAddress(): string {
    return `127.0.0.1:${portOf(this.#metrics)}`;
  }

  /** Ends every connection. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      [this.#visitors, this.#metrics]
        .filter((server) => server.listening)
        .map((server) => {
          const closed = once(server, 'close');
          server.close();
          server.closeAllConnections();
          return closed;
        }),
    );
  }

  #way(request: IncomingMessage): VisitorRoute {
    this.#requests += 1;
    const { connectors } = this.#account;
    // Cloudflare spreads requests over the connectors: one that lags behind is met in its turn.
    const connector = connectors[this.#requests % Math.max(1, connectors.length)] ?? null;
    return routeVisitor(
      this.#account,
      connector,
      hostnameOf(request.headers.host ?? ''),
      pathOf(request.url ?? '/'),
    );
  }

  #forwarding(request: IncomingMessage, way: Extract<VisitorRoute, { to: 'service' }>): ForwardOptions {
    const { service, hostHeader } = way;
    const secure = service.protocol === 'https:' || service.protocol === 'wss:';
    const host = request.headers.host ?? '';
    const from = request.socket.remoteAddress ?? '';
    const chain = [request.headers['x-forwarded-for'], from].filter((each) => each !== undefined);
    const isReplaced = (name: string) =>
      name === 'host' || name === 'x-forwarded-for' || EDGE_HEADERS.test(name);
    return {
      target: {
        host: service.hostname.replace(/^\[|\]$/g, ''),
        port: Number(service.port) || (secure ? 443 : 80),
        scheme: secure ? 'https' : 'http',
      },
      path: request.url ?? '/',
      requestHeaders: (headers) => [
        ...['Host', hostHeader ?? host],
        ...mapHeaders(headers, (name, value) => (isReplaced(name) ? null : value)),
        ...['X-Forwarded-For', chain.join(', ')],
        ...['X-Forwarded-Proto', 'https'],
        ...(hostHeader === null ? [] : ['X-Forwarded-Host', host]),
        ...['Cf-Connecting-Ip', from],
        ...['Cf-Visitor', '{"scheme":"https"}'],
        ...['Cf-Ray', `${this.#requests.toString(16).padStart(16, '0')}-AMS`],
        ...['Cdn-Loop', 'cloudflare; loops=1'],
      ],
      responseHeaders: (headers) => headers,
    };
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const way = this.#way(request);
    if (way.to === 'service') {
      forwardRequest(request, response, this.#forwarding(request, way), () =>
        answer(response, 502, 'error code: 502'),
      );
      return;
    }
    request.resume();
    const { status, text } = ownAnswer(way);
    answer(response, status, text);
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const way = this.#way(request);
    if (way.to === 'service') {
      forwardUpgrade(request, socket, head, this.#forwarding(request, way), () =>
        rejectWithStatus(socket, '502 Bad Gateway'),
      );
      return;
    }
    rejectWithStatus(socket, `${ownAnswer(way).status} Refused`);
  }
}

/** What Cloudflare's edge or cloudflared answers by itself. */
function ownAnswer(way: Exclude<VisitorRoute, { to: 'service' }>): { status: number; text: string } {
  switch (way.to) {
    case 'edge-error':
      return { status: 530, text: `error code: ${way.code}` };
    case 'status':
      return { status: way.status, text: '' };
    case 'nowhere':
      return { status: 502, text: `error code: 502 (this mock does not lead to ${way.service})` };
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { 'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store' })
    .end(text);
}
