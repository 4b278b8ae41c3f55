/** The reverse proxy: requests by `Host` name to the relay of the student whose link is open. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { withoutForeignDomain } from '../../proxy/cookie-domain.ts';
import { forwardRequest } from '../../proxy/forward-request.ts';
import { forwardUpgrade } from '../../proxy/forward-upgrade.ts';
import { drainBodyAfterResponse, rejectWithStatus } from '../../proxy/graceful-close.ts';
import { mapHeaders } from '../../proxy/header-list.ts';
import { hostnameFromHeader } from '../../proxy/host-header.ts';
import { type RequestTarget, requestTarget } from '../../proxy/request-target.ts';
import type { ForwardOptions } from '../../proxy/upstream-request.ts';
import { VisitorConnections } from '../../proxy/visitor-connections.ts';
import { createVisitorServer } from '../../proxy/visitor-server.ts';
import type { Route } from '../edge.ts';
import { DOORS, listenTogether } from './listeners.ts';
import { badRequestPage, busyPage, notFoundPage, unreachablePage } from './pages.ts';

/** Connections at once to one hostname; the files of this process are everybody's. */
const MAX_VISITORS = 4096;

export class LocalProxy {
  readonly #doors: readonly Server[];
  #routes = new Map<string, Route>();
  readonly #visitors: VisitorConnections;

  constructor(maxVisitors = MAX_VISITORS) {
    this.#visitors = new VisitorConnections(maxVisitors);
    this.#doors = Array.from({ length: DOORS }, () => {
      const door = createVisitorServer();
      door.on('request', (request, response) => this.#onRequest(request, response));
      door.on('upgrade', (request, socket: Socket, head) => this.#onUpgrade(request, socket, head));
      return door;
    });
  }

  /** Listens; rejects where the address is taken. Port 0 is any; the port that it is. */
  listen(port: number, host: string): Promise<number> {
    return listenTogether(this.#doors, port, host);
  }

  onError(handle: (error: Error) => void): void {
    for (const door of this.#doors) door.on('error', handle);
  }

  /** Takes the whole table in. Who is at a hostname that is no longer open is sent away at once. */
  setRoutes(routes: readonly Route[]): void {
    this.#routes = new Map(routes.map((route) => [route.hostname, route]));
    for (const hostname of this.#visitors.hostnames()) {
      if (this.#routes.has(hostname)) continue;
      this.#visitors.disconnect(hostname, (response) => this.#answer(response, 404, notFoundPage(hostname)));
    }
  }

  hostnames(): string[] {
    return [...this.#routes.keys()];
  }

  #forwarding(request: IncomingMessage, { host, path }: RequestTarget, route: Route): ForwardOptions {
    const { hostname, port } = new URL(route.origin);
    const from = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    return {
      target: { host: hostname, port: Number(port), scheme: 'http' },
      path,
      requestHeaders: (headers) => {
        const forwarded = mapHeaders(headers, (name, value) => {
          if (name.startsWith('x-forwarded-') || name === 'expect') return null;
          return name === 'host' ? host : value;
        });
        return [...forwarded, 'X-Forwarded-For', from, 'X-Forwarded-Proto', 'http'];
      },
      // The relay has seen to it; but the relay is the student's, and a cookie for the zone is everybody's.
      responseHeaders: (headers) =>
        mapHeaders(headers, (name, value) =>
          name === 'set-cookie' ? withoutForeignDomain(value, route.hostname) : value,
        ),
    };
  }

  #answer(response: ServerResponse, status: number, body: string): void {
    // What the visitor still sends is read and dropped, so that they get to read the answer.
    drainBodyAfterResponse(response.req, response);
    response.req.resume();
    response
      .writeHead(status, {
        'content-type': 'text/html; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'cache-control': 'no-store',
        'x-robots-tag': 'noindex',
      })
      .end(body);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const target = requestTarget(request);
    if (target === null) return this.#answer(response, 400, badRequestPage());
    const hostname = hostnameFromHeader(target.host);
    const route = this.#routes.get(hostname);
    if (route === undefined) return this.#answer(response, 404, notFoundPage(hostname));
    if (!this.#visitors.admit(hostname, request.socket, response))
      return this.#answer(response, 503, busyPage(hostname));
    forwardRequest(request, response, this.#forwarding(request, target, route), () =>
      this.#answer(response, 502, unreachablePage(hostname)),
    );
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const target = requestTarget(request);
    if (target === null) return rejectWithStatus(socket, '400 Bad Request');
    const hostname = hostnameFromHeader(target.host);
    const route = this.#routes.get(hostname);
    if (route === undefined) return rejectWithStatus(socket, '404 Not Found');
    if (!this.#visitors.admit(hostname, socket)) return rejectWithStatus(socket, '503 Service Unavailable');
    forwardUpgrade(request, socket, head, this.#forwarding(request, target, route), () =>
      rejectWithStatus(socket, '502 Bad Gateway'),
    );
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const closed = this.#doors.map((door) => new Promise<void>((resolve) => door.close(() => resolve())));
    for (const door of this.#doors) door.closeAllConnections();
    this.#visitors.disconnectAll();
    await Promise.all(closed);
  }
}
