/** Forwards WebSockets: first the handshake as a request, then the bytes of both sockets. */
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

/** After one side has ended, the connection is closed once the other is silent for this long. */
const HALF_OPEN_TIMEOUT_MS = 30_000;

/**
 * Only a WebSocket handshake is treated as an upgrade. A server may ignore any other offer (`h2c`, also with a body;
 * RFC 9110 §7.8), so those are ordinary requests.
 */
export function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && !hasBody(request) && /^websocket$/i.test(request.headers.upgrade ?? '');
}

function writeHead(socket: Socket, incoming: IncomingMessage, headers: HeaderList): void {
  const lines = [`HTTP/1.1 ${incoming.statusCode} ${reasonPhrase(incoming)}`];
  for (let at = 0; at + 1 < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** Connects two sockets: each gets every byte of the other, however slow, and both end together. */
function join(visitor: Socket, service: Socket): void {
  for (const [from, to] of [
    [visitor, service],
    [service, visitor],
  ] as const) {
    from.on('error', () => to.destroy());
    // `pipe` ends `to` after a regular end of `from`; after an abort, `to` is destroyed.
    from.once('close', () => from.readableEnded || to.destroy());
    from.once('end', () => to.setTimeout(HALF_OPEN_TIMEOUT_MS, () => to.destroy()));
    from.pipe(to);
  }
}

/** Forwards an upgrade, or the response that refuses it. Calls `onFailure` if the upstream does not respond. */
export function forwardUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  forwarding: ForwardOptions,
  onFailure: () => void,
): void {
  const upgradeHeaders = ['Connection', 'Upgrade', 'Upgrade', 'websocket'];
  const outgoing = openUpstreamRequest(request, forwarding, 'single-use', upgradeHeaders);
  let isDone = false;
  // Nothing else reads from the visitor yet, and Node reports a disconnect only to a reader.
  const pollVisitor = () => void socket.read(0);
  const finish = () => {
    isDone = true;
    socket.off('readable', pollVisitor);
  };
  const fail = () => {
    if (isDone) return;
    finish();
    if (!socket.destroyed) onFailure();
  };
  socket.on('readable', pollVisitor);
  socket.once('end', () => isDone || outgoing.destroy());
  socket.on('error', () => outgoing.destroy());
  socket.on('close', () => outgoing.destroy());
  limitInformationalResponses(outgoing);
  outgoing.on('error', fail);
  outgoing.on('close', fail);
  outgoing.on('upgrade', (incoming, service, serviceHead) => {
    finish();
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
    finish();
    const headers = forwarding.responseHeaders(withoutHopByHop(incoming.rawHeaders));
    writeHead(socket, incoming, [...headers, 'Connection', 'close']);
    incoming.on('error', () => socket.destroy());
    incoming.on('close', () => incoming.complete || socket.destroy());
    incoming.on('end', () => closeGracefully(socket));
    incoming.pipe(socket, { end: false });
  });
  outgoing.end();
}
