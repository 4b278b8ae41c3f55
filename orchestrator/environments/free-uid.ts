/**
 * Finds uids for students. The kernel has limits by uid (inotify instances, processes, keys, pipe buffers), so each
 * student has one that no other student, no other installation on this engine and no account of the host has.
 */
import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import { listUids } from './engine-inventory.ts';
import { hostShell } from './host-shell.ts';

/** Uids to try. A host carries at most 200 students; the others may be in use by accounts. */
const UID_COUNT = 2000;

/** Files with ids that accounts of the host may use in user namespaces, as lines `ACCOUNT:FIRST:COUNT`. */
const SUBORDINATE_FILES = ['/etc/subuid', '/etc/subgid'];

/** Whether one of the files gives the id to an account: a rootless engine of that account could use it. */
export function isSubordinateId(id: number, files = SUBORDINATE_FILES): boolean {
  return files.some((file) => {
    let text = '';
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return false;
    }
    return text.split('\n').some((line) => {
      const [, first, count] = line.split(':').map(Number);
      return first !== undefined && count !== undefined && id >= first && id < first + count;
    });
  });
}

/** Whether the id belongs to a user or a group of the host, also to one of a directory service. */
export async function isHostAccount(id: number): Promise<boolean> {
  if (isSubordinateId(id)) return true;
  const $ = await hostShell();
  const [user, group] = await Promise.all([$`getent passwd ${id}`, $`getent group ${id}`]);
  return user.ok || group.ok;
}

/**
 * The lowest uid from `first` on that is not in `taken` and that neither an environment in the engine nor the host has.
 * Throws `environment` if there is none.
 */
export async function lowestFreeUid(
  docker: Docker,
  first: number,
  taken: ReadonlySet<number>,
): Promise<number> {
  const inEngine = await listUids(docker);
  for (let uid = first; uid < first + UID_COUNT; uid += 1) {
    if (!taken.has(uid) && !inEngine.has(uid) && !(await isHostAccount(uid))) return uid;
  }
  throw new DevenvError({
    code: 'environment',
    what: `No uid from ${first} to ${first + UID_COUNT - 1} is free on this host.`,
    next: 'Remove students you no longer need (`devenv list`, `devenv rm NAME`), or set another DEVENV_FIRST_UID.',
  });
}
