/**
 * The owner's mark: the comment of a DNS record says whose it is, readable by a person. Everything that is ours at
 * Cloudflare is found by it, so ownership survives the loss of our disk.
 */
import { createHash } from 'node:crypto';
import { type RouteId, routeId } from '../../edge.ts';

/** A record's comment on a Free zone: longer ones are refused with error 9313 (Cloudflare, "DNS record attributes"). */
export const MAX_TAG_CHARS = 100;

/** A longer id is cut, and this many characters of its hash tell it apart. */
const HASH_LENGTH = 8;

const prefix = (instance: string) => `devenv ${instance}/`;

/** The owner tag of a route's record: at most `MAX_TAG_CHARS`, for any valid names. */
export function ownerTag(instance: string, id: RouteId): string {
  const whole = prefix(instance) + id;
  if (whole.length <= MAX_TAG_CHARS) return whole;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, HASH_LENGTH);
  return `${whole.slice(0, MAX_TAG_CHARS - HASH_LENGTH - 1)}~${hash}`;
}

/** The route that a comment names as this instance's; null where the record is not ours. A cut id is no route's. */
export function parseOwnerTag(comment: string | null | undefined, instance: string): RouteId | null {
  const own = prefix(instance);
  if (!comment?.startsWith(own)) return null;
  const id = comment.slice(own.length);
  return id === '' ? null : routeId(id);
}
