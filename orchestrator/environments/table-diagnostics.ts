/** The checks of the kernel's tables that `devenv doctor` shows: those that all students share, and file watchers. */
import { readFileSync } from 'node:fs';
import type { Diagnostic } from '../domain.ts';
import type { Settings } from '../settings-schema.ts';
import { failed, passed } from './host-diagnostics.ts';
import { commandToRaise, HOST_FILES, type HostFiles, RECOMMENDED_LIMITS, readSysctl } from './host-limits.ts';

/** Instances that one student needs: the agent, a dev server, an editor and a second watcher. */
const INOTIFY_INSTANCES_PER_STUDENT = 4;

/** A table is nearly full above this share. */
const NEARLY_FULL = 0.8;

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

interface Table {
  used: number | null;
  limit: number | null;
  what: string;
  /** Entries that all students have together, each at their limit. */
  needed?: number;
}

/** A table with a count of entries that all students share: nearly full, or too small for the class. */
function diagnoseTable(
  subject: string,
  { used, limit, what, needed = 0 }: Table,
  raise: { key: string; consequence: string },
  files: HostFiles,
): Diagnostic | null {
  if (used === null || limit === null) return null;
  const atLimits = needed === 0 ? '' : `; the class may use ${needed}`;
  const found = `${used} of ${limit} ${what} in use${atLimits}`;
  if (used < limit * NEARLY_FULL && needed <= limit) return passed(subject, found);
  // The part of the limit that is a reserve is small, so doubling covers it.
  const value = Math.max(limit * 2, needed * 2, RECOMMENDED_LIMITS[raise.key] ?? 0);
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

/** The tables and limits of the kernel that a class needs. `students`: all of the class. */
export function diagnoseTables(
  { limits }: Settings,
  students: number,
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
        needed: students * limits.terminals,
      },
      {
        key: 'kernel.pty.max',
        consequence: 'Students may get no terminal.',
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
        needed: students * limits.connections,
      },
      {
        key: 'net.netfilter.nf_conntrack_max',
        consequence: 'New connections may be dropped.',
      },
      files,
    ),
  ];
  return tables.flatMap((each) => each ?? []);
}
