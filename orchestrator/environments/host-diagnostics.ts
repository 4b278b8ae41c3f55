/** The checks of the host that `devenv doctor` shows: disks, memory, and tables of the kernel that students share. */
import { existsSync, readFileSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Diagnostic } from '../domain.ts';
import type { Settings } from '../settings-schema.ts';
import { sizeInBytes } from './container-options.ts';
import { commandToRaise, HOST_FILES, type HostFiles, RECOMMENDED_LIMITS, readSysctl } from './host-limits.ts';

/** With less than this, one `npm install` of a whole class may fill the disk. */
const MIN_FREE_DISK_BYTES = 5 * 2 ** 30;
/** One node_modules has tens of thousands of files. */
const MIN_FREE_INODES = 200_000;
/** The state is a database and a log that is renamed at 20 MB. */
const MIN_FREE_STATE_BYTES = 200 * 2 ** 20;

/** Instances that one student needs: the agent, a dev server, an editor and a second watcher. */
const INOTIFY_INSTANCES_PER_STUDENT = 4;

/** A table of the kernel is nearly full above this share. */
const NEARLY_FULL = 0.8;

/** `2 GB`, `15.6 GB`. */
const gigabytes = (bytes: number) => `${Number((bytes / 2 ** 30).toFixed(1))} GB`;

const passed = (subject: string, found: string): Diagnostic => ({ subject, ok: true, found, next: null });
const failed = (subject: string, found: string, next: string): Diagnostic => ({
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
  const homes = existsSync(dockerRoot) ? dockerRoot : state;
  const disks = [
    await checkDisk(
      'Disk',
      homes,
      { bytes: MIN_FREE_DISK_BYTES, inodes: MIN_FREE_INODES },
      'All homes are here. `docker system df -v` shows the size of each, `docker image prune` removes unused images.',
    ),
  ];
  if ((await stat(homes)).dev !== (await stat(state)).dev) {
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

/** `running`: environments that run now. */
export function diagnoseMemory({ limits }: Settings, running: number, total = totalmem()): Diagnostic {
  const limit = sizeInBytes(limits.memory);
  const room = Math.floor(total / limit);
  const host = `${gigabytes(total)}, ${availableParallelism()} CPUs`;
  const found = `${host}. Room for ${room} students at ${gigabytes(limit)} each; ${running} running`;
  if (running <= room) return passed('Memory', found);
  const share = `${Math.max(256, Math.floor(total / running / 2 ** 20))}m`;
  const next = `If all use their limit, the host runs out of memory. Stop some, or set limits.memory to ${share} and restart them.`;
  return failed('Memory', found, next);
}

function diagnoseInotify(files: HostFiles): Diagnostic | null {
  const key = 'fs.inotify.max_user_instances';
  const limit = readSysctl(key, files);
  const watches = readSysctl('fs.inotify.max_user_watches', files);
  if (limit === null) return null;
  // The limit is per uid, and each student has one.
  const found = `${limit} inotify instances and ${watches} watches for each student`;
  if (limit >= INOTIFY_INSTANCES_PER_STUDENT) return passed('File watchers', found);
  const value = RECOMMENDED_LIMITS[key] ?? INOTIFY_INSTANCES_PER_STUDENT;
  const next = `Dev servers will not notice changed files. As root: ${commandToRaise(key, value, files)}`;
  return failed('File watchers', found, next);
}

/** A table with a count of entries that all students share. */
function diagnoseTable(
  subject: string,
  { used, limit, what }: { used: number | null; limit: number | null; what: string },
  raise: { key: string; consequence: string },
  files: HostFiles,
): Diagnostic | null {
  if (used === null || limit === null) return null;
  const found = `${used} of ${limit} ${what} in use`;
  if (used < limit * NEARLY_FULL) return passed(subject, found);
  const value = Math.max(limit * 2, RECOMMENDED_LIMITS[raise.key] ?? 0);
  const next = `${raise.consequence} As root: ${commandToRaise(raise.key, value, files)}`;
  return failed(subject, found, next);
}

/** Entries of the neighbor table of all network namespaces: the first column of the kernel's statistics, in hex. */
function neighborEntries(file: string): number | null {
  try {
    const [, line = ''] = readFileSync(file, 'utf8').split('\n');
    return Number.parseInt(line.trim().split(/\s+/)[0] ?? '', 16);
  } catch {
    return null;
  }
}

/** The tables and limits of the kernel that a class needs. */
export function diagnoseTables(
  files: HostFiles = HOST_FILES,
  neighborStatistics = '/proc/net/stat/arp_cache',
): Diagnostic[] {
  const read = (key: string) => readSysctl(key, files);
  const ptys = read('kernel.pty.max');
  const tables = [
    diagnoseInotify(files),
    diagnoseTable(
      'Terminals',
      {
        used: read('kernel.pty.nr'),
        // The kernel keeps the reserve for the host's own terminals.
        limit: ptys === null ? null : ptys - (read('kernel.pty.reserve') ?? 0),
        what: 'pseudo-terminals',
      },
      {
        key: 'kernel.pty.max',
        consequence: 'Students will get no terminal.',
      },
      files,
    ),
    diagnoseTable(
      'Neighbor table',
      {
        used: neighborEntries(neighborStatistics),
        limit: read('net.ipv4.neigh.default.gc_thresh3'),
        what: 'entries',
      },
      { key: 'net.ipv4.neigh.default.gc_thresh3', consequence: 'New connections will fail.' },
      files,
    ),
    diagnoseTable(
      'Connection tracking',
      {
        used: read('net.netfilter.nf_conntrack_count'),
        limit: read('net.netfilter.nf_conntrack_max'),
        what: 'connections',
      },
      {
        key: 'net.netfilter.nf_conntrack_max',
        consequence: 'New connections will be dropped.',
      },
      files,
    ),
  ];
  return tables.flatMap((each) => each ?? []);
}
