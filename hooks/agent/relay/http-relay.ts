/** The relay's HTTP part, loaded with the first connection: an idle environment never pays for it. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RelayIdentity, Service } from '../../../orchestrator/agents/protocol.ts';
import { fingerprint } from './fingerprint.ts';
import { type Failure, forwardRequest } from './forward.ts';
import type { Link, RelayOptions } from './options.ts';
import type { Forwarding } from './outgoing.ts';
import { dropBodyAfter, refuse } from './refuse.ts';
import { type RequestTarget, requestTarget } from './request-target.ts';
import { hostnameOf, isOwnHost, type Names, toService, toVisitor } from './rewrite.ts';
import { forwardUpgrade } from './upgrade.ts';
import { createVisitorServer } from './visitor-server.ts';
import { Visitors } from './visitors.ts';
import { IDENTITY_PATH, type Waiting, waitingJson, waitingPage } from './waiting-page.ts';

export interface HttpRelay {
  /** Listens on nothing: it is handed its connections. */
  server: Server;
  /** Ends what is under way for visitors of a hostname. */
  sendAway(hostname: string): void;
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  // What the visitor still sends is read and dropped, so that they get to read the answer.
  dropBodyAfter(response.req, response);
  response.req.resume();
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
  };
  response.writeHead(status, status === 503 ? { ...headers, 'retry-after': '2' } : headers).end(body);
}

function waitingFor(why: Failure | 'unwanted', starting: boolean): Waiting['waitingFor'] {
  switch (why) {
    case 'unwanted':
      return 'link';
    case 'refused':
      return starting ? 'start' : 'service';
    case 'broken-off':
      return 'answer';
    case 'not-http':
      return 'http';
  }
}

/** 503 in every case: Cloudflare puts a page of its own in the place of a 502 or 504. */
function answerWaiting(response: ServerResponse, options: RelayOptions, why: Failure | 'unwanted'): void {
  const { student, phase, starting } = options.public();
  const { method, headers } = response.req;
  const isGet = method === 'GET' || method === 'HEAD';
  const waiting = { student, phase, isGet, waitingFor: waitingFor(why, starting) };
  const { accept = '' } = headers;
  const wantsJson = accept.includes('application/json') && !accept.includes('text/html');
  if (wantsJson) answer(response, 503, 'application/json', waitingJson(waiting));
  else answer(response, 503, 'text/html', waitingPage(waiting));
}

/** The student's links, their own first. */
function linksOf(options: RelayOptions): [Link, ...Link[]] {
  const { hostname, url } = options.public();
  const isWanted = options.isWanted?.() ?? true;
  const own = { hostname, url, service: options.service(), isWanted };
  return [own, ...(options.furtherLinks?.() ?? [])];
}

/** The link that a request came by; null where it is none of the student's. */
function linkOf({ host }: RequestTarget, [own, ...further]: [Link, ...Link[]]): Link | null {
  if (host === '' || isOwnHost(host, own.hostname)) return own;
  return further.find(({ hostname }) => hostname === hostnameOf(host)) ?? null;
}

/** Who comes by the public name is let in while the link is wanted; by a local name, somebody on this machine always is. */
const isShut = ({ host }: RequestTarget, { hostname, isWanted }: Link) =>
  hostnameOf(host) === hostname && !isWanted;

const localUrl = ({ scheme, port }: Service) => `${scheme}://localhost:${port}`;

/** How to reach the service of one of the links for this request; null while nothing listens. */
function forwardingOf(
  request: IncomingMessage,
  { host, path }: RequestTarget,
  { hostname, url, service }: Link,
  links: readonly Link[],
): Forwarding | null {
  if (service === null) return null;
  const names: Names = {
    hostname,
    url,
    host: host === '' ? hostname : host,
    local: localUrl(service),
    origin: request.headers.origin,
    others: links.flatMap((other) => {
      // The name of a link that has closed may be somebody else's by now.
      if (other.hostname === hostname || other.service === null || !other.isWanted) return [];
      return [{ url: other.url, local: localUrl(other.service) }];
    }),
  };
  return {
    target: { host: service.address, port: service.port, scheme: service.scheme },
    path,
    requestHeaders: (headers) => toService(headers, names),
    responseHeaders: (headers) => toVisitor(headers, names),
  };
}

function onRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: RelayOptions,
  visitors: Visitors,
): void {
  const target = requestTarget(request);
  if (target === null) return answer(response, 400, 'text/plain', 'Which host is it?\n');
  const links = linksOf(options);
  const link = linkOf(target, links);
  if (link === null) {
    const name = hostnameOf(target.host).slice(0, 100);
    return answer(response, 421, 'text/plain', `${name} does not lead here.\n`);
  }
  if (target.path.split('?')[0] === IDENTITY_PATH) {
    const { instance, student } = options.identity();
    const identity: RelayIdentity = {
      link: fingerprint(instance, student, link.hostname),
      listens: link.service !== null && !isShut(target, link),
    };
    return answer(response, 200, 'application/json', `${JSON.stringify(identity)}\n`);
  }
  const wait = (why: Failure | 'unwanted') => answerWaiting(response, options, why);
  if (isShut(target, link)) return wait('unwanted');
  const forwarding = forwardingOf(request, target, link, links);
  if (forwarding === null) return wait('refused');
  visitors.admit(hostnameOf(target.host), request.socket, response);
  forwardRequest(request, response, forwarding, wait);
}

function onUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  options: RelayOptions,
  visitors: Visitors,
): void {
  const target = requestTarget(request);
  if (target === null) return refuse(socket, '400 Bad Request');
  const links = linksOf(options);
  const link = linkOf(target, links);
  if (link === null) return refuse(socket, '421 Misdirected Request');
  const forwarding = forwardingOf(request, target, link, links);
  if (forwarding === null || isShut(target, link)) return refuse(socket, '503 Service Unavailable');
  visitors.admit(hostnameOf(target.host), socket);
  forwardUpgrade(request, socket, head, forwarding, () => refuse(socket, '503 Service Unavailable'));
}

export function createHttpRelay(options: RelayOptions): HttpRelay {
  const server = createVisitorServer();
  const visitors = new Visitors();
  server.on('request', (request, response) => onRequest(request, response, options, visitors));
  server.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    onUpgrade(request, socket, head, options, visitors);
  });
  // Node starts to watch over `headersTimeout` when a server listens, which this one never does by itself.
  server.emit('listening');
  return {
    server,
    sendAway: (hostname) =>
      visitors.sendAway(hostname, (response) => answerWaiting(response, options, 'unwanted')),
  };
}
