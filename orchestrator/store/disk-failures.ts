/** Which errors of SQLite and the file system come from the disk, and may be over when there is space again. */
import { systemCodeOf } from '../errors.ts';

/** SQLite's result codes (sqlite.org/rescode.html): READONLY, IOERR, FULL, CANTOPEN. */
const DISK_RESULTS = new Set([8, 10, 13, 14]);
const SYSTEM_CODES = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS']);

export function isDiskFailure(error: unknown): boolean {
  const { errcode }: { errcode?: unknown } = Object(error);
  // The low byte is the result; the rest of an extended code says more.
  if (typeof errcode === 'number') return DISK_RESULTS.has(errcode & 0xff);
  return SYSTEM_CODES.has(systemCodeOf(error) ?? '');
}
