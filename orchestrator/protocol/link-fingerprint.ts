/** Identifies a link without revealing its owner: the relay sends the fingerprint to every visitor who asks. */
import { createHash } from 'node:crypto';

/** `student` owns the link. Returns 16 hex digits that only change with one of the three inputs. */
export const linkFingerprint = (instance: string, student: string, hostname: string): string =>
  createHash('sha256')
    .update(JSON.stringify([instance, student, hostname]))
    .digest('hex')
    .slice(0, 16);
