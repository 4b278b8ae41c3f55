/**
 * Plays Cloudflare's edge and `cloudflared` for visitors: forwards a request only if a DNS record points to the tunnel
 * and the connector has received a matching rule. It serves HTTP, but its headers tell the service that it is HTTPS.
 *
 * A hostname without a record gets the edge's error page 530 / 1016. A real visitor's resolver would not find the name
 * at all, which a server on one address cannot imitate.
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
  /** The port for visitors; 0, the default, picks a free one. */
  port?: number;
  /** The port of `cloudflared --metrics`; 0, the default, picks a free one. */
  metricsPort?: number;
  /** The connector whose metrics are served; by default the account's first one. */
  connector?: Connector;
}

/** Headers that Cloudflare sets. A visitor's own headers of these names are dropped. */
const EDGE_HEADERS = /^(cf-|x-forwarded-proto$|x-forwarded-host$|cdn-loop$)/;

const hostnameOf = (host: string) => host.replace(/:\d+$/, '').toLowerCase();
const pathOf = (url: string) => url.replace(/[?#].*$/s, '');

function listenOn(server: Server, port: number): Promise<unknown> {
  server.listen(port, '127.0.0.1');
  return once(server, 'listening');
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the connector is stopped');
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

  /** The port for visitors on 127.0.0.1; the `Host` header selects the link. */
  get port(): number {
    return portOf(this.#visitors);
  }

  /** The value for `DEVENV_CONNECTOR_METRICS`. */
  get metricsAddress(): string {
    return `127.0.0.1:${portOf(this.#metrics)}`;
  }

  /** Closes both servers and every connection. */
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

  #routeOf(request: IncomingMessage): VisitorRoute {
    this.#requests += 1;
    const { connectors } = this.#account;
    // Cloudflare spreads requests over all connectors, including one that lags behind.
    const connector = connectors[this.#requests % Math.max(1, connectors.length)] ?? null;
    return routeVisitor(
      this.#account,
      connector,
      hostnameOf(request.headers.host ?? ''),
      pathOf(request.url ?? '/'),
    );
  }

  #forwarding(request: IncomingMessage, route: Extract<VisitorRoute, { kind: 'service' }>): ForwardOptions {
    const { service, hostHeader } = route;
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
    const route = this.#routeOf(request);
    if (route.kind === 'service') {
      forwardRequest(request, response, this.#forwarding(request, route), () =>
        respond(response, 502, 'error code: 502'),
      );
      return;
    }
    request.resume();
    const { status, text } = ownResponse(route);
    respond(response, status, text);
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const route = this.#routeOf(request);
    if (route.kind === 'service') {
      forwardUpgrade(request, socket, head, this.#forwarding(request, route), () =>
        rejectWithStatus(socket, '502 Bad Gateway'),
      );
      return;
    }
    rejectWithStatus(socket, `${ownResponse(route).status} Refused`);
  }
}

/** The response of Cloudflare's edge or cloudflared for a request that is not forwarded. */
function ownResponse(route: Exclude<VisitorRoute, { kind: 'service' }>): { status: number; text: string } {
  switch (route.kind) {
    case 'edge-error':
      return { status: 530, text: `error code: ${route.code}` };
    case 'status':
      return { status: route.status, text: '' };
    case 'unsupported':
      return { status: 502, text: `error code: 502 (the mock does not forward to ${route.service})` };
  }
}

function respond(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { 'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store' })
    .end(text);
}
