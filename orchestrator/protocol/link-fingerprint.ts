/** By what a link is known to who knows it already, and tells nobody else anything: the relay says it to any visitor. */
import { createHash } from 'node:crypto';

/** `student` is the link's owner. */
export const linkFingerprint = (instance: string, student: string, hostname: string): string =>
  createHash('sha256')
    .update(JSON.stringify([instance, student, hostname]))
    .digest('hex')
    .slice(0, 16);
