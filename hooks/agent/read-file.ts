import { closeSync, openSync, readSync } from 'node:fs';

const buffer = Buffer.alloc(256 * 1024);

/** Opens it, lets `read` do its work, and closes it; null where that fails. O_NONBLOCK: a FIFO must not hang us. */
function reading(path: string, read: (file: number) => string): string | null {
  let file: number | null = null;
  try {
    file = openSync(path, 0o4000);
    return read(file);
  } catch {
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}

/**
 * The first 64 KB of a file as text; null where it can't be read. Bounded, since students may put anything there; one
 * buffer for all, since this runs for every process several times a second.
 */
export function readText(path: string, most = 64 * 1024): string | null {
  return reading(path, (file) => buffer.toString('utf8', 0, readSync(file, buffer, 0, most, 0)));
}

/**
 * A table of the kernel's, which hands it out a page at a time (fs/seq_file.c): as much of it as `wantsMore` asks for,
 * given each page, and at most 256 KB. To find the end of a socket table costs the kernel a millisecond.
 */
export function readTable(path: string, wantsMore: (page: string) => boolean): string | null {
  return reading(path, (file) => {
    let length = 0;
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      const page = buffer.toString('latin1', length, length + read);
      length += read;
      if (read === 0 || length === buffer.length || !wantsMore(page))
        return buffer.toString('latin1', 0, length);
    }
  });
}
