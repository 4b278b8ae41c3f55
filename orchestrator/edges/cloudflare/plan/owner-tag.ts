/**
 * The owner's mark: the comment of a DNS record says whose it is, readable by a person. Everything that is ours at
 * Cloudflare is found by it, so ownership survives the loss of our disk.
 */
import { createHash } from 'node:crypto';

/** A record's comment on a Free zone: longer ones are refused with error 9313 (Cloudflare, "DNS record attributes"). */
export const MAX_TAG_CHARS = 100;

/** A longer student's name keeps this many characters in the mark, and a hash tells it apart. */
const HASH_LENGTH = 8;

const prefix = (instance: string) => `devenv ${instance}/`;

/** The mark of a student's record: at most `MARK_LIMIT` characters, for any valid names. */
export function ownerTag(instance: string, student: string): string {
  const whole = prefix(instance) + student;
  if (whole.length <= MAX_TAG_CHARS) return whole;
  const hash = createHash('sha256').update(student).digest('hex').slice(0, HASH_LENGTH);
  return `${whole.slice(0, MAX_TAG_CHARS - HASH_LENGTH - 1)}~${hash}`;
}

/** The student whom a comment names as this instance's; null where the record is not ours. */
export function parseOwnerTag(comment: string | null | undefined, instance: string): string | null {
  const own = prefix(instance);
  if (!comment?.startsWith(own)) return null;
  const student = comment.slice(own.length);
  return student === '' ? null : student;
}
