/** The reverse proxy: requests by `Host` name to the relay of the student whose link is open. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  type Forwarding,
  forwardRequest,
  forwardUpgrade,
  MAX_HEADER_SIZE,
  refuseBadRequest,
  refuseUpgrade,
} from '../../../hooks/agent/relay/forward.ts';
import { mapHeaders } from '../../../hooks/agent/relay/headers.ts';
import { hostnameOf } from '../../../hooks/agent/relay/rewrite.ts';
import type { Route } from '../edge.ts';
import { notFoundPage, unreachablePage } from './pages.ts';

/** A visitor has this long to send a request's headers, in ms. */
const HEADERS_TIMEOUT = 30_000;

export class LocalProxy {
  readonly server: Server;
  #routes = new Map<string, Route>();
  /** Who is connected to which hostname: ended when it closes. */
  readonly #visitors = new Map<string, Set<Socket>>();

  constructor() {
    this.server = createServer({
      maxHeaderSize: MAX_HEADER_SIZE,
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: 0,
      keepAliveTimeout: 60_000,
      connectionsCheckingInterval: 10_000,
      noDelay: true,
    });
    this.server.on('request', (request, response) => this.#onRequest(request, response));
    this.server.on('upgrade', (request, socket: Socket, head) => this.#onUpgrade(request, socket, head));
    this.server.on('clientError', refuseBadRequest);
  }

  /** Takes the whole table in. Who visits a hostname that is no longer open is disconnected at once. */
  setRoutes(routes: readonly Route[]): void {
    this.#routes = new Map(routes.map((route) => [route.hostname, route]));
    for (const [hostname, sockets] of this.#visitors) {
      if (this.#routes.has(hostname)) continue;
      for (const socket of sockets) socket.destroy();
    }
  }

  hostnames(): string[] {
    return [...this.#routes.keys()];
  }

  /** The hostname that is asked for: in the request's target if that is absolute (RFC 9112 §3.2.2), else in `Host`. */
  #hostname(request: IncomingMessage): string {
    const absolute = request.url?.match(/^https?:\/\/([^/?#]+)/i)?.[1];
    return hostnameOf(absolute ?? request.headers.host ?? '');
  }

  #visit(hostname: string, socket: Socket): void {
    const sockets = this.#visitors.get(hostname) ?? new Set();
    if (sockets.has(socket)) return;
    this.#visitors.set(hostname, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) this.#visitors.delete(hostname);
    });
  }

  #forwarding(request: IncomingMessage, route: Route): Forwarding {
    const { hostname, port } = new URL(route.origin);
    const forwarded = mapHeaders(request.rawHeaders, (name, value) =>
      name.startsWith('x-forwarded-') ? null : value,
    );
    const from = request.socket.remoteAddress ?? '';
    return {
      target: { host: hostname, port: Number(port), scheme: 'http' },
      requestHeaders: [...forwarded, 'X-Forwarded-For', from, 'X-Forwarded-Proto', 'http'],
      responseHeaders: (headers) => headers,
    };
  }

  #answer(request: IncomingMessage, response: ServerResponse, status: number, body: string): void {
    // What the visitor still sends is read and dropped, so that they get to read the answer.
    request.resume();
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
    const hostname = this.#hostname(request);
    const route = this.#routes.get(hostname);
    if (route === undefined) return this.#answer(request, response, 404, notFoundPage(hostname));
    this.#visit(hostname, request.socket);
    request.url = request.url?.replace(/^https?:\/\/[^/?#]+/i, '') || '/';
    forwardRequest(request, response, this.#forwarding(request, route), () =>
      this.#answer(request, response, 502, unreachablePage(hostname)),
    );
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const hostname = this.#hostname(request);
    const route = this.#routes.get(hostname);
    const refuse = (status: string) => refuseUpgrade(socket, status);
    if (route === undefined) {
      refuse('404 Not Found');
      return;
    }
    this.#visit(hostname, socket);
    forwardUpgrade(request, socket, head, this.#forwarding(request, route), () => refuse('502 Bad Gateway'));
  }

  /** Ends every connection. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    for (const sockets of this.#visitors.values()) for (const socket of sockets) socket.destroy();
    return closed;
  }
}
