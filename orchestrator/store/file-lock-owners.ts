/** Which processes have a lock on a file, from the kernel's table /proc/locks. */
import { readFileSync, statSync } from 'node:fs';

export interface LockOwner {
  pid: number;
  /** The user who runs the process; null if it is not known. */
  uid: number | null;
}

function uidOf(pid: number): number | null {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
}

/** `fe:00:2320508`: the device's major and minor number in hex, and the inode, as the kernel prints them. */
function fileId(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  // makedev(3): the numbers' bits are distributed over the 64 bits of `dev`.
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}:${ino}`;
}

/** The processes with a lock on the file. Empty where the table can't be read or does not show them. */
export function fileLockOwners(path: string): LockOwner[] {
  let table: string;
  let id: string;
  try {
    id = fileId(path);
    table = readFileSync('/proc/locks', 'utf8');
  } catch {
    return [];
  }
  // `1: POSIX  ADVISORY  WRITE 31185 fe:00:2320342 0 EOF`; a process that waits for the lock has `->` in the second column.
  const pids = table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    return columns[5] === id ? [Number(columns[4])] : [];
  });
  return [...new Set(pids)].filter((pid) => pid > 0).map((pid) => ({ pid, uid: uidOf(pid) }));
}
