/**
 * How a request proves to a relay that it comes through the edge: the relay's key is a label in front of the hostname in
 * `Host`, which is all that a tunnel's rule can set. The relay knows only the key's hash. See docs/decisions.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Hex digits. Not a password's hash: a key is random and has 160 bits. */
export const hashRelayKey = (key: string): string => createHash('sha256').update(key).digest('hex');

/** The `Host` that the edge sends to the relay. `key`: null for an environment whose relay checks none. */
export const hostForRelay = (key: string | null, host: string): string =>
  key === null ? host : `${key}.${host}`;

/** The visitor's `Host`, from the one that the edge has sent; null where its first label is not the key. */
export function hostFromEdge(host: string, keyHash: string): string | null {
  const dot = host.indexOf('.');
  if (dot < 0) return null;
  const [given, expected] = [Buffer.from(hashRelayKey(host.slice(0, dot))), Buffer.from(keyHash)];
  return given.length === expected.length && timingSafeEqual(given, expected) ? host.slice(dot + 1) : null;
}
