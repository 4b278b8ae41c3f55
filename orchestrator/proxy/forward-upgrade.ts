/** Forwards WebSockets: the handshake as a request, and then two sockets as one. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { closeGracefully } from './graceful-close.ts';
import { type HeaderList, withoutHopByHop } from './header-list.ts';
import {
  type ForwardOptions,
  hasBody,
  limitInformationalResponses,
  openUpstreamRequest,
  reasonPhrase,
} from './upstream-request.ts';

/** A connection that one side has ended is over when the other says nothing for this long, in ms. */
const HALF_OPEN = 30_000;

/**
 * Only a WebSocket's handshake is an upgrade here; anything else that is offered (`h2c`, also with a body) may be
 * ignored (RFC 9110 §7.8) and is a request like any other.
 */
export function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && !hasBody(request) && /^websocket$/i.test(request.headers.upgrade ?? '');
}

function writeHead(socket: Socket, incoming: IncomingMessage, headers: HeaderList): void {
  const lines = [`HTTP/1.1 ${incoming.statusCode} ${reasonPhrase(incoming)}`];
  for (let at = 0; at + 1 < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** What one says the other hears to the last byte, however slowly; they end together. */
function join(visitor: Socket, service: Socket): void {
  for (const [from, to] of [
    [visitor, service],
    [service, visitor],
  ] as const) {
    from.on('error', () => to.destroy());
    // `pipe` ends the other side where this one ended; where it broke off, nothing more is owed.
    from.once('close', () => from.readableEnded || to.destroy());
    from.once('end', () => to.setTimeout(HALF_OPEN, () => to.destroy()));
    from.pipe(to);
  }
}

/** Forwards an upgrade. A service that refuses it is heard too; `onFailure` is called where it says nothing. */
export function forwardUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  forwarding: ForwardOptions,
  onFailure: () => void,
): void {
  const outgoing = openUpstreamRequest(request, forwarding, 'fresh', [
    'Connection',
    'Upgrade',
    'Upgrade',
    'websocket',
  ]);
  let settled = false;
  // Nobody reads from the visitor yet, and who doesn't look never sees them leave.
  const look = () => void socket.read(0);
  const settle = () => {
    settled = true;
    socket.off('readable', look);
  };
  const fail = () => {
    if (settled) return;
    settle();
    if (!socket.destroyed) onFailure();
  };
  socket.on('readable', look);
  socket.once('end', () => settled || outgoing.destroy());
  socket.on('error', () => outgoing.destroy());
  socket.on('close', () => outgoing.destroy());
  limitInformationalResponses(outgoing);
  outgoing.on('error', fail);
  outgoing.on('close', fail);
  outgoing.on('upgrade', (incoming, service, serviceHead) => {
    settle();
    service.on('error', () => service.destroy());
    if (socket.destroyed) return void service.destroy();
    writeHead(socket, incoming, forwarding.responseHeaders(incoming.rawHeaders));
    service.setNoDelay(true);
    socket.setNoDelay(true);
    if (serviceHead.length > 0) socket.write(serviceHead);
    if (head.length > 0) service.write(head);
    join(socket, service);
  });
  outgoing.on('response', (incoming) => {
    const { statusCode = 0 } = incoming;
    if (statusCode < 200) return void outgoing.destroy();
    settle();
    const headers = forwarding.responseHeaders(withoutHopByHop(incoming.rawHeaders));
    writeHead(socket, incoming, [...headers, 'Connection', 'close']);
    incoming.on('error', () => socket.destroy());
    incoming.on('close', () => incoming.complete || socket.destroy());
    incoming.on('end', () => closeGracefully(socket));
    incoming.pipe(socket, { end: false });
  });
  outgoing.end();
}
