/** The checks of the host's disks and memory that `devenv doctor` shows. */
import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Diagnostic } from '../domain.ts';
import { sizeInBytes } from '../limits-settings.ts';
import type { Settings } from '../settings-schema.ts';

/** With less than this, one `npm install` of a whole class may fill the disk. */
const MIN_FREE_DISK_BYTES = 5 * 2 ** 30;
/** One node_modules has tens of thousands of files. */
const MIN_FREE_INODES = 200_000;
/** The state is a database and a log that is renamed at 20 MB. */
const MIN_FREE_STATE_BYTES = 200 * 2 ** 20;

/** `2 GB`, `15.6 GB`. */
const gigabytes = (bytes: number) => `${Number((bytes / 2 ** 30).toFixed(1))} GB`;

export const passed = (subject: string, found: string): Diagnostic => ({
  subject,
  ok: true,
  found,
  next: null,
});
export const failed = (subject: string, found: string, next: string): Diagnostic => ({
  subject,
  ok: false,
  found,
  next,
});

async function checkDisk(
  subject: string,
  path: string,
  minimum: { bytes: number; inodes: number },
  next: string,
): Promise<Diagnostic> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  // Some file systems, such as btrfs, have no fixed number of inodes and report 0.
  const inodes = files === 0 ? '' : `, ${ffree.toLocaleString('en-US')} inodes`;
  const found = `${gigabytes(bavail * bsize)} free${inodes} in ${path}`;
  const isEnough = bavail * bsize >= minimum.bytes && (files === 0 || ffree >= minimum.inodes);
  return isEnough ? passed(subject, found) : failed(subject, found, next);
}

/** The disk of the homes, and that of the state where it is another one. */
export async function diagnoseDisks(dockerRoot: string, stateDir: string): Promise<Diagnostic[]> {
  const state = existsSync(stateDir) ? stateDir : '/';
  const isVisible = existsSync(dockerRoot);
  const disks = [
    isVisible
      ? await checkDisk(
          'Disk',
          dockerRoot,
          { bytes: MIN_FREE_DISK_BYTES, inodes: MIN_FREE_INODES },
          'All homes are here. `docker system df -v` shows the size of each, `docker image prune` removes unused images.',
        )
      : passed('Disk', `not checked: this process does not see ${dockerRoot}, where all homes are`),
  ];
  if (!isVisible || (await stat(dockerRoot)).dev !== (await stat(state)).dev) {
    const minimum = { bytes: MIN_FREE_STATE_BYTES, inodes: 1000 };
    disks.push(
      await checkDisk(
        'State disk',
        state,
        minimum,
        `Free some space: \`du -xh ${state}\` shows what uses it.`,
      ),
    );
  }
  return disks;
}

/** `device`: of the homes; null where it is not known. No failure: everything works, but a student can slow the others. */
export function diagnoseDiskSpeed(device: string | null): Diagnostic {
  const found =
    device === null
      ? "students' reads and writes are not limited: the homes have no known block device (btrfs and ZFS have none)"
      : `students' reads and writes of ${device} are limited`;
  return passed('Disk speed', found);
}

/** `students`: all of the class; `running`: those whose environments run now. */
export function diagnoseMemory(
  { limits }: Settings,
  { students, running }: { students: number; running: number },
  total = totalmem(),
): Diagnostic {
  const limit = sizeInBytes(limits.memory);
  const room = Math.floor(total / limit);
  const host = `${gigabytes(total)}, ${availableParallelism()} CPUs`;
  const found = `${host}. Room for ${room} students at ${gigabytes(limit)} each; ${students} in the class, ${running} running`;
  if (students <= room) return passed('Memory', found);
  const share = `${Math.max(256, Math.floor(total / students / 2 ** 20))}m`;
  const next = `If all run and use their limit, the host runs out of memory. Let fewer run at a time, or set limits.memory to ${share} and restart those who run.`;
  return failed('Memory', found, next);
}
