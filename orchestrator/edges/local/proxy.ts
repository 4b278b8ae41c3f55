/** The reverse proxy: forwards each request by its `Host` to the relay of the student whose link is open. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { hostForRelay } from '../../protocol/relay-key.ts';
import { withoutForeignDomain } from '../../proxy/cookie-domain.ts';
import { forwardRequest, type UpstreamFailure } from '../../proxy/forward-request.ts';
import { forwardUpgrade } from '../../proxy/forward-upgrade.ts';
import { rejectWithStatus } from '../../proxy/graceful-close.ts';
import { mapHeaders } from '../../proxy/header-list.ts';
import { sendResponse } from '../../proxy/page.ts';
import { hostnameFromHeader, type RequestTarget, requestTarget } from '../../proxy/request-target.ts';
import { type ForwardOptions, hasBody } from '../../proxy/upstream-request.ts';
import { VisitorConnections } from '../../proxy/visitor-connections.ts';
import { createVisitorServer } from '../../proxy/visitor-server.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { LISTENER_COUNT, listenTogether } from './listeners.ts';
import { badRequestPage, busyPage, notFoundPage, unreachablePage } from './pages.ts';
import type { ServedRoute } from './route-server.ts';

/**
 * Simultaneous connections to one hostname: all students share this process's file descriptors. Also far below what the
 * engine's port proxy can have: it needs 6 files for each, and exits at its limit (3,300 connections at 20,000 files).
 */
const MAX_VISITORS_PER_HOSTNAME = 1500;

const sendPage = (response: ServerResponse, status: number, body: string) =>
  sendResponse(response, { status, type: 'text/html', body });

interface Address {
  host: string;
  port: number;
}

function originOf({ origin }: ServedRoute): Address {
  const { hostname, port } = new URL(origin);
  return { host: hostname, port: Number(port) };
}

export class LocalProxy {
  readonly #servers: readonly Server[];
  readonly #limits: ConnectionLimits;
  readonly #visitors: VisitorConnections;
  /** Open routes by hostname. */
  #routes = new Map<string, ServedRoute>();
  /** Hostnames whose direct address did not answer, until the routes change. */
  readonly #undialable = new Set<string>();

  constructor(maxVisitorsPerHostname = MAX_VISITORS_PER_HOSTNAME, limits = new ConnectionLimits()) {
    this.#limits = limits;
    this.#visitors = new VisitorConnections(maxVisitorsPerHostname);
    this.#servers = Array.from({ length: LISTENER_COUNT }, () => {
      const server = createVisitorServer();
      this.#limits.guard(server);
      server.on('request', (request, response) => this.#onRequest(request, response));
      server.on('upgrade', (request, socket: Socket, head) => this.#onUpgrade(request, socket, head));
      return server;
    });
  }

  /** Listens; port 0 stands for any free one. Returns the port. Rejects if the address is taken. */
  listen(port: number, host: string): Promise<number> {
    return listenTogether(this.#servers, port, host);
  }

  onError(handle: (error: Error) => void): void {
    for (const server of this.#servers) server.on('error', handle);
  }

  /** Replaces the whole table. Visitors of hostnames that are no longer open are disconnected. */
  setRoutes(routes: readonly ServedRoute[]): void {
    this.#undialable.clear();
    this.#routes = new Map(routes.map((route) => [route.hostname, route]));
    for (const hostname of this.#visitors.hostnames()) {
      if (this.#routes.has(hostname)) continue;
      this.#visitors.disconnect(hostname, (response) => sendPage(response, 404, notFoundPage(hostname)));
    }
  }

  /** How many connections visitors have. */
  get connections(): number {
    return this.#limits.count;
  }

  /** Hostnames of the open routes. */
  hostnames(): string[] {
    return [...this.#routes.keys()];
  }

  /** The relay past the engine's port proxy; null where only the route's origin is left. */
  #directOf({ hostname, direct }: ServedRoute): Address | null {
    return this.#undialable.has(hostname) ? null : direct;
  }

  #forwardingOf(
    request: IncomingMessage,
    { host, path }: RequestTarget,
    route: ServedRoute,
    relay: Address | null,
  ): ForwardOptions {
    const { host: relayHost, port } = relay ?? originOf(route);
    const visitorAddress = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    return {
      target: { host: relayHost, port, scheme: 'http' },
      path,
      requestHeaders: (headers) => {
        const forwarded = mapHeaders(headers, (name, value) => {
          if (name.startsWith('x-forwarded-') || name === 'expect' || name === 'host') return null;
          return value;
        });
        return [
          'Host',
          hostForRelay(route.relayKey, host),
          ...forwarded,
          'X-Forwarded-For',
          visitorAddress,
          'X-Forwarded-Proto',
          'http',
        ];
      },
      // The relay does the same, but it belongs to the student, and a cookie for the zone would reach all students.
      responseHeaders: (headers) =>
        mapHeaders(headers, (name, value) =>
          name === 'set-cookie' ? withoutForeignDomain(value, route.hostname) : value,
        ),
    };
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#limits.begin(request, response);
    const target = requestTarget(request);
    if (target === null) return sendPage(response, 400, badRequestPage());
    const hostname = hostnameFromHeader(target.host);
    const route = this.#routes.get(hostname);
    if (route === undefined) return sendPage(response, 404, notFoundPage(hostname));
    if (!this.#visitors.admit(hostname, request.socket, response))
      return sendPage(response, 503, busyPage(hostname));
    this.#forward(request, response, target, route);
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    route: ServedRoute,
  ): void {
    const direct = this.#directOf(route);
    const forwardTo = (relay: Address | null, onFailure: (failure: UpstreamFailure) => void) =>
      forwardRequest(request, response, this.#forwardingOf(request, target, route, relay), onFailure);
    const unreachable = () => sendPage(response, 502, unreachablePage(route.hostname));
    if (direct === null) return forwardTo(null, unreachable);
    forwardTo(direct, (failure) => {
      if (failure === 'not-http') return unreachable();
      this.#undialable.add(route.hostname);
      // A part of a body may be lost, and what the relay has received may not be sent twice.
      const mayRepeat = failure === 'refused' || request.method === 'GET' || request.method === 'HEAD';
      if (mayRepeat && !hasBody(request)) forwardTo(null, unreachable);
      else unreachable();
    });
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.#limits.upgrade(socket);
    const target = requestTarget(request);
    if (target === null) return rejectWithStatus(socket, '400 Bad Request');
    const hostname = hostnameFromHeader(target.host);
    const route = this.#routes.get(hostname);
    if (route === undefined) return rejectWithStatus(socket, '404 Not Found');
    if (!this.#visitors.admit(hostname, socket)) return rejectWithStatus(socket, '503 Service Unavailable');
    const direct = this.#directOf(route);
    forwardUpgrade(request, socket, head, this.#forwardingOf(request, target, route, direct), () => {
      if (direct !== null) this.#undialable.add(hostname);
      rejectWithStatus(socket, '502 Bad Gateway');
    });
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const server of this.#servers) server.closeAllConnections();
    this.#visitors.disconnectAll();
    await Promise.all(closed);
  }
}
