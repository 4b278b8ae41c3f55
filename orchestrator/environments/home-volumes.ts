/**
 * The Docker volumes that contain homes. Each has options, because `docker volume prune` and `docker system prune
 * --volumes` spare such volumes. Before version 23, Docker deletes plain ones there as soon as their container is gone.
 */
import type Docker from 'dockerode';
import { isStatus } from './engine-errors.ts';
import { runHelper } from './helper-container.ts';
import { chooseLoop, type HomeImageDeps, imageVolumeOptions, loopOf } from './home-image.ts';

/** Folder in a helper container where Docker's volumes are mounted. */
const VOLUMES = '/volumes';

/**
 * `image`: a file system of a fixed size. `folder`: of an earlier devenv, or where no sized one could be made. `plain`:
 * like it but without options, of a still earlier one.
 */
export type HomeVolume =
  | { kind: 'none' }
  | { kind: 'plain' }
  | { kind: 'folder' }
  | { kind: 'image'; loop: number };

interface VolumeInspection {
  Options: Record<string, string> | null;
}

/** What the volume of that name is. */
export async function inspectVolume(docker: Docker, name: string): Promise<HomeVolume> {
  try {
    const { Options } = (await docker.getVolume(name).inspect()) as VolumeInspection;
    const loop = loopOf(Options);
    if (loop !== null) return { kind: 'image', loop };
    return { kind: Object.keys(Options ?? {}).length === 0 ? 'plain' : 'folder' };
  } catch (error) {
    if (isStatus(error, 404)) return { kind: 'none' };
    throw error;
  }
}

/** Where the content of a home is while it moves to another volume. */
export const movingName = (name: string) => `${name}-moving`;

/** Whether the home exists, or its content while it moves. */
export async function hasHomeVolume(docker: Docker, name: string): Promise<boolean> {
  const found = await Promise.all([inspectVolume(docker, name), inspectVolume(docker, movingName(name))]);
  return found.some(({ kind }) => kind !== 'none');
}

async function volumesFolder(docker: Docker): Promise<string> {
  const { DockerRootDir } = (await docker.info()) as { DockerRootDir: string };
  return `${DockerRootDir}/volumes`;
}

/** Creates a folder as a volume. Its own folder is mounted onto itself: its content is where that of a plain volume is. */
export async function createFolderVolume(
  docker: Docker,
  name: string,
  labels: Record<string, string>,
): Promise<void> {
  const device = `${await volumesFolder(docker)}/${name}/_data`;
  const DriverOpts = { type: 'none', o: 'bind', device };
  await docker.createVolume({ Name: name, Labels: labels, DriverOpts });
}

/** Creates the volume of an image, whose file does not exist yet. Returns the number of its loop device. */
export async function createImageVolume(
  docker: Docker,
  name: string,
  labels: Record<string, string>,
): Promise<number> {
  const { Volumes: volumes } = await docker.listVolumes();
  const taken = (volumes ?? []).map(({ Options }) => loopOf(Options)).filter((loop) => loop !== null);
  const loop = chooseLoop(new Set(taken));
  await docker.createVolume({ Name: name, Labels: labels, DriverOpts: imageVolumeOptions(loop) });
  return loop;
}

/** Removes the volume; does nothing if there is none. */
export async function removeVolume(docker: Docker, name: string): Promise<void> {
  try {
    await docker.getVolume(name).remove();
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
}

/** Moves the content of one folder to another, empty one: a single rename, so it is never in both or in none. */
export async function moveContent(
  { docker, image, bridge }: HomeImageDeps,
  from: string,
  to: string,
): Promise<void> {
  const [source, target] = [from, to].map((name) => `"${VOLUMES}/${name}/_data"`);
  // Docker removes no volume without its folder.
  const script = `[ -z "$(ls -A ${source} 2>/dev/null)" ] || mv -T ${source} ${target} && mkdir -p ${source}`;
  const { exitCode, lastLine } = await runHelper(docker, {
    name: `${from}.move`,
    image,
    bridge,
    script,
    operation: 'move',
    env: { PATH: '/usr/bin:/bin' },
    // The folder that moves belongs to the student.
    host: { Binds: [`${await volumesFolder(docker)}:${VOLUMES}`], CapAdd: ['DAC_OVERRIDE'] },
  });
  if (exitCode !== 0) throw new Error(`could not move the content of ${from} to ${to}: ${lastLine}`);
}
