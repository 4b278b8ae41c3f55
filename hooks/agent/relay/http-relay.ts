/** The HTTP part of the relay. It is loaded with the first connection, so an idle environment needs no memory for it. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { IDENTITY_PATH } from '../../../orchestrator/protocol/constants.ts';
import { linkFingerprint } from '../../../orchestrator/protocol/link-fingerprint.ts';
import type { RelayIdentity } from '../../../orchestrator/protocol/messages.ts';
import { forwardRequest, type UpstreamFailure } from '../../../orchestrator/proxy/forward-request.ts';
import { forwardUpgrade } from '../../../orchestrator/proxy/forward-upgrade.ts';
import { rejectWithStatus } from '../../../orchestrator/proxy/graceful-close.ts';
import { sendResponse } from '../../../orchestrator/proxy/page.ts';
import {
  hostnameFromHeader,
  type RequestTarget,
  requestTarget,
} from '../../../orchestrator/proxy/request-target.ts';
import { VisitorConnections } from '../../../orchestrator/proxy/visitor-connections.ts';
import { createVisitorServer } from '../../../orchestrator/proxy/visitor-server.ts';
import { admittedTarget } from './admission.ts';
import { forwardingOf } from './forwarding.ts';
import type { Link, RelayOptions } from './options.ts';
import { isOwnHost } from './rewrite.ts';
import { type WaitingReason, waitingJson, waitingPage } from './waiting-page.ts';

/** Browsers and crawlers may ask again after this many seconds. */
const RETRY_AFTER_SECONDS = 2;

export interface HttpRelay {
  /** Does not listen: `startRelay` hands it its connections. */
  server: Server;
  /** Ends all visits of a hostname. */
  disconnect(hostname: string): void;
}

/** Why a visitor gets no response of the service. */
type Refusal = UpstreamFailure | 'closed' | 'busy';

function waitingReason(why: Refusal, isStarting: boolean): WaitingReason {
  switch (why) {
    case 'closed':
    case 'busy':
      return why;
    case 'refused':
      return isStarting ? 'starting' : 'not-running';
    case 'interrupted':
      return 'no-answer';
    case 'not-http':
      return 'not-http';
  }
}

/** Always a 503: Cloudflare replaces a 502 or 504 with a page of its own. */
function sendWaitingPage(response: ServerResponse, options: RelayOptions, why: Refusal): void {
  const { phase, isStarting } = options.status();
  const { method, headers } = response.req;
  const isGet = method === 'GET' || method === 'HEAD';
  const waiting = {
    student: options.identity().student,
    phase,
    isGet,
    reason: waitingReason(why, isStarting),
  };
  const { accept = '' } = headers;
  const wantsJson = accept.includes('application/json') && !accept.includes('text/html');
  sendResponse(response, {
    status: 503,
    type: wantsJson ? 'application/json' : 'text/html',
    body: wantsJson ? waitingJson(waiting) : waitingPage(waiting),
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

interface RelayContext {
  options: RelayOptions;
  visitors: VisitorConnections;
  isSurplus(socket: Socket): boolean;
}

/** The student's links, their own first. */
const linksOf = (options: RelayOptions): [Link, ...Link[]] => [
  options.ownLink(),
  ...(options.additionalLinks?.() ?? []),
];

/** The link under which a request came; null if the hostname is not the student's. */
function linkOf({ host }: RequestTarget, [own, ...additional]: [Link, ...Link[]]): Link | null {
  if (host === '' || isOwnHost(host, own.hostname)) return own;
  return additional.find(({ hostname }) => hostname === hostnameFromHeader(host)) ?? null;
}

/** Whether the request came under the name of a closed link. A local name comes from inside and is always served. */
const isClosedFor = ({ host }: RequestTarget, { hostname, isOpen }: Link) =>
  hostnameFromHeader(host) === hostname && !isOpen;

/**
 * Only the program that was selected is forwarded to. If another one has its port by now (`changed`), `retry` is called
 * as soon as it is known what that is.
 */
function checkService(
  { service }: Link,
  { hasChanged, reselect }: RelayOptions,
  retry: (() => void) | null,
): 'current' | 'retrying' | 'changed' {
  if (service === null || hasChanged?.(service) !== true) return 'current';
  if (retry === null || reselect === undefined) return 'changed';
  void reselect(service.port).then(retry);
  return 'retrying';
}

function onRequest(
  request: IncomingMessage,
  response: ServerResponse,
  context: RelayContext,
  isRetry = false,
): void {
  const { options, visitors, isSurplus } = context;
  const requested = requestTarget(request);
  if (requested === null) {
    const body = 'The request names more than one host.\n';
    return sendResponse(response, { status: 400, type: 'text/plain', body });
  }
  const target = admittedTarget(requested, request.socket, options);
  if (target === null) {
    const body = 'This port is only for the edge. Open the link instead.\n';
    return sendResponse(response, { status: 403, type: 'text/plain', body });
  }
  const links = linksOf(options);
  const link = linkOf(target, links);
  if (link === null) {
    const body = `${hostnameFromHeader(target.host).slice(0, 100)} does not lead here.\n`;
    return sendResponse(response, { status: 421, type: 'text/plain', body });
  }
  if (target.path.split('?')[0] === IDENTITY_PATH) {
    const { instance, student } = options.identity();
    const identity: RelayIdentity = {
      fingerprint: linkFingerprint(instance, student, link.hostname),
      isServing: link.service !== null && !isClosedFor(target, link),
    };
    const body = `${JSON.stringify(identity)}\n`;
    return sendResponse(response, { status: 200, type: 'application/json', body });
  }
  const wait = (why: Refusal) => sendWaitingPage(response, options, why);
  if (isClosedFor(target, link)) return wait('closed');
  if (isSurplus(request.socket)) {
    // Without the usual time to read the answer: a flood would occupy the surplus.
    response.setHeader('connection', 'close').once('finish', () => request.socket.destroySoon());
    return wait('busy');
  }
  const retry = () => onRequest(request, response, context, true);
  const check = checkService(link, options, isRetry ? null : retry);
  if (check === 'retrying') return;
  const forwarding = forwardingOf(request, target, link, links, options);
  if (forwarding === null || check === 'changed') return wait('refused');
  visitors.admit(hostnameFromHeader(target.host), request.socket, response);
  forwardRequest(request, response, forwarding, wait);
}

function onUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  context: RelayContext,
  isRetry = false,
): void {
  const { options, visitors, isSurplus } = context;
  const requested = requestTarget(request);
  if (requested === null) return rejectWithStatus(socket, '400 Bad Request');
  const target = admittedTarget(requested, socket, options);
  if (target === null) return rejectWithStatus(socket, '403 Forbidden');
  const links = linksOf(options);
  const link = linkOf(target, links);
  if (link === null) return rejectWithStatus(socket, '421 Misdirected Request');
  const isClosed = isClosedFor(target, link) || isSurplus(socket);
  const retry = () => onUpgrade(request, socket, head, context, true);
  const check = isClosed ? 'current' : checkService(link, options, isRetry ? null : retry);
  if (check === 'retrying') return;
  const forwarding = forwardingOf(request, target, link, links, options);
  if (forwarding === null || isClosed || check === 'changed')
    return rejectWithStatus(socket, '503 Service Unavailable');
  visitors.admit(hostnameFromHeader(target.host), socket);
  forwardUpgrade(request, socket, head, forwarding, () =>
    rejectWithStatus(socket, '503 Service Unavailable'),
  );
}

/** `isSurplus`: whether a connection is above the limit of visitors. */
export function createHttpRelay(options: RelayOptions, isSurplus: (socket: Socket) => boolean): HttpRelay {
  const server = createVisitorServer();
  const visitors = new VisitorConnections();
  const context = { options, visitors, isSurplus };
  server.on('request', (request, response) => onRequest(request, response, context));
  server.on('upgrade', (request, socket: Socket, head) => {
    socket.on('error', () => socket.destroy());
    onUpgrade(request, socket, head, context);
  });
  // Node enforces `headersTimeout` only after a server emits `listening`, which this one never does on its own.
  server.emit('listening');
  return {
    server,
    disconnect: (hostname) =>
      visitors.disconnect(hostname, (response) => sendWaitingPage(response, options, 'closed')),
  };
}
