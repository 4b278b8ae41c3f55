/** Bounded reads of files that a student may have replaced with anything. */
import { closeSync, constants, openSync, readSync } from 'node:fs';

/** One buffer for all reads: they happen for every process several times a second. */
const buffer = Buffer.alloc(256 * 1024);

const DEFAULT_MAX_BYTES = 64 * 1024;

/** Opens the file, calls `read`, and closes it; null if that fails. O_NONBLOCK: a FIFO must not block the agent. */
function withFile(path: string, read: (file: number) => string): string | null {
  let file: number | null = null;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return read(file);
  } catch {
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** The start of a file as text; null if it can't be read. */
export function readText(path: string, maxBytes = DEFAULT_MAX_BYTES): string | null {
  return withFile(path, (file) => buffer.toString('utf8', 0, readSync(file, buffer, 0, maxBytes, 0)));
}

/**
 * A kernel table, which the kernel hands out page by page (fs/seq_file.c). Reads on while `hasMore` says so of the last
 * page, at most 256 KB: reading a socket table to its end costs the kernel a millisecond. Null if it can't be read.
 */
export function readTable(path: string, hasMore: (page: string) => boolean): string | null {
  return withFile(path, (file) => {
    let length = 0;
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      const page = buffer.toString('latin1', length, length + read);
      length += read;
      if (read === 0 || length === buffer.length || !hasMore(page))
        return buffer.toString('latin1', 0, length);
    }
  });
}
