/** The check of the homes that `devenv doctor` shows: their limits, and whether the disk has room for all of them. */
import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Diagnostic } from '../domain.ts';
import { sizeInBytes } from '../limits-settings.ts';
import type { Settings } from '../settings-schema.ts';
import { loopOf } from './home-image.ts';

export interface HomeDiagnosticsOptions {
  docker: Docker;
  settings: Settings;
  /** Why new homes have no limit on this host; null where they have one, as far as this process knows. */
  unlimitedReason: string | null;
  /** Docker's folder. */
  dockerRoot: string;
}

/** Most homes that the check names. */
const MAX_NAMES_SHOWN = 5;

const gigabytes = (bytes: number) => `${Number((bytes / 2 ** 30).toFixed(1))} GB`;
const homes = (count: number) => `${count} ${count === 1 ? 'home' : 'homes'}`;

/** Bytes of the disk that the home's file has taken; 0 where this user can't read it. */
function takenBytes(dockerRoot: string, volume: string): number {
  try {
    return statSync(join(dockerRoot, 'volumes', volume, 'home.img')).blocks * 512;
  } catch {
    return 0;
  }
}

/** What the disk lacks if every home is filled; null where it lacks nothing, or where it can't be read. */
async function missingBytes(dockerRoot: string, volumes: readonly string[], limitBytes: number) {
  try {
    const { bavail, bsize } = await statfs(dockerRoot);
    const needed = volumes.map((volume) => Math.max(0, limitBytes - takenBytes(dockerRoot, volume)));
    const missing = needed.reduce((sum, bytes) => sum + bytes, 0) - bavail * bsize;
    return missing > 0 ? missing : null;
  } catch {
    return null;
  }
}

/** Throws where the engine does not answer. */
export async function diagnoseHomes({
  docker,
  settings: { instance, limits },
  unlimitedReason,
  dockerRoot,
}: HomeDiagnosticsOptions): Promise<Omit<Diagnostic, 'subject'>> {
  const limitBytes = sizeInBytes(limits.home);
  const { Volumes } = await docker.listVolumes({ filters: { label: [`devenv.instance=${instance}`] } });
  const volumes = (Volumes ?? []).filter(({ Labels }) => Labels?.['devenv.student']);
  const unlimited = volumes.filter(({ Options }) => loopOf(Options) === null);
  const found = `${homes(volumes.length)}, ${volumes.length - unlimited.length} of them with a limit (${gigabytes(limitBytes)})`;
  if (unlimitedReason !== null) {
    const next =
      'Programs that write above it are paused, but a student can evade that and fill the disk. The engine must run on a host with loop devices and ext4: as root, modprobe loop; modprobe ext4. Then, after class: devenv down; devenv up; devenv restart NAME for each student.';
    return { ok: false, found: `${found}. This host gave no home a limit: ${unlimitedReason}`, next };
  }
  if (unlimited.length > 0) {
    const names = unlimited.slice(0, MAX_NAMES_SHOWN).map(({ Labels }) => Labels['devenv.student']);
    const more = unlimited.length > names.length ? ` and ${unlimited.length - names.length} more` : '';
    const next =
      'Programs that write above the limit are paused there, but a student can evade that. A home gets its limit at the next start: devenv restart NAME. One that is larger than limits.home stays as it is until the student deletes files or the limit is raised.';
    return { ok: false, found: `${found}. Without: ${names.join(', ')}${more}`, next };
  }
  const names = volumes.map(({ Name }) => Name);
  const missing = await missingBytes(dockerRoot, names, limitBytes);
  if (missing === null) return { ok: true, found, next: null };
  const next =
    'If the disk fills, homes become read-only until they are started again with free space. Free some space, or lower limits.home before further students are created.';
  return { ok: false, found: `${found}. If all are filled, ${gigabytes(missing)} are missing`, next };
}
