/**
 * Finds uids for students. The kernel has limits by uid (inotify instances, processes, keys, pipe buffers), so each
 * student has one that no other student, no other installation on this engine and no account of the host has.
 */
import type Docker from 'dockerode';
import { DevenvError } from '../errors.ts';
import { listUids } from './engine-inventory.ts';
import { hostShell } from './host-shell.ts';

/** Uids to try. A host carries at most 200 students; the others may be in use by accounts. */
const UID_COUNT = 2000;

/** Whether a user or a group of the host has that id, also one of a directory service. */
export async function isHostAccount(id: number): Promise<boolean> {
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
