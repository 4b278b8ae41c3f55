/**
 * Who may use the relay. Its port is open to every user of the host, but only two kinds of requests are answered: those
 * from inside the environment, and those that prove that they come through the edge.
 */
import type { Socket } from 'node:net';
import { hostFromEdge } from '../../../orchestrator/protocol/relay-key.ts';
import type { RequestTarget } from '../../../orchestrator/proxy/request-target.ts';
import type { RelayOptions } from './options.ts';
import { namesThisMachine } from './rewrite.ts';

/**
 * Whether the other side is in the same network namespace. Everything else, the engine's port proxy included, comes from
 * the bridge's address: a user of the host can't choose ours.
 */
function isInside({ remoteAddress = '', localAddress }: Socket): boolean {
  const address = remoteAddress.replace(/^::ffff:/, '');
  return address.startsWith('127.') || address === '::1' || remoteAddress === localAddress;
}

/** The target as the visitor named it; null if the request may not use the relay. */
export function admittedTarget(
  target: RequestTarget,
  socket: Socket,
  { keyHash, isInside: isFromInside = isInside }: RelayOptions,
): RequestTarget | null {
  if (isFromInside(socket)) return target;
  const host = hostFromEdge(target.host, keyHash);
  // Local names mean the visitor's own machine.
  return host === null || namesThisMachine(host) ? null : { ...target, host };
}
