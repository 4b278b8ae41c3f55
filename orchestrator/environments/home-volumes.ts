/**
 * The Docker volumes that contain homes. Each has options, because `docker volume prune` and `docker system prune
 * --volumes` spare such volumes. Before version 23, Docker deletes plain ones there as soon as their container is gone.
 */
import type Docker from 'dockerode';
import { isStatus } from './engine-errors.ts';

/** Folder in a helper container where Docker's volumes are mounted. */
const VOLUMES = '/volumes';

export interface HomeVolume {
  name: string;
  labels: Record<string, string>;
}

interface VolumeInspection {
  Options: Record<string, string> | null;
}

/** The volume's details; null if there is none. */
async function inspectVolume(docker: Docker, name: string): Promise<VolumeInspection | null> {
  try {
    return (await docker.getVolume(name).inspect()) as VolumeInspection;
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

const isPlain = ({ Options }: VolumeInspection) => Object.keys(Options ?? {}).length === 0;

/** Where the content of a plain home is while it moves to a volume with options. */
const movingName = (name: string) => `${name}-moving`;

/** Whether the home exists, or its content while it moves. */
export async function hasHomeVolume(docker: Docker, name: string): Promise<boolean> {
  const found = await Promise.all([inspectVolume(docker, name), inspectVolume(docker, movingName(name))]);
  return found.some((each) => each !== null);
}

async function volumesFolder(docker: Docker): Promise<string> {
  const { DockerRootDir } = (await docker.info()) as { DockerRootDir: string };
  return `${DockerRootDir}/volumes`;
}

/** Creates the volume. Its own folder is mounted onto itself: its content is where that of a plain volume is. */
async function createVolume(docker: Docker, { name, labels }: HomeVolume): Promise<void> {
  const device = `${await volumesFolder(docker)}/${name}/_data`;
  const DriverOpts = { type: 'none', o: 'bind', device };
  await docker.createVolume({ Name: name, Labels: labels, DriverOpts });
}

/** Removes the volume; does nothing if there is none. */
async function removeVolume(docker: Docker, name: string): Promise<void> {
  try {
    await docker.getVolume(name).remove();
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
}

/** Moves the content of one volume to another, empty one: a single rename, so it is never in both or in none. */
async function moveContent(docker: Docker, image: string, from: string, to: string): Promise<void> {
  const [source, target] = [from, to].map((name) => `"${VOLUMES}/${name}/_data"`);
  // Docker removes no volume without its folder.
  const script = `[ -z "$(ls -A ${source} 2>/dev/null)" ] || mv -T ${source} ${target} && mkdir -p ${source}`;
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['/bin/sh', '-c', script],
    User: '0:0',
    HostConfig: {
      NetworkMode: 'none',
      Binds: [`${await volumesFolder(docker)}:${VOLUMES}`],
      CapDrop: ['ALL'],
      // The folder that moves belongs to the student.
      CapAdd: ['DAC_OVERRIDE'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
    },
  });
  try {
    await container.start();
    const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
    if (exitCode !== 0)
      throw new Error(`could not move the content of ${from} to ${to}: exit code ${exitCode}`);
  } finally {
    await container.remove({ force: true }).catch(() => undefined);
  }
}

/**
 * Creates the home's volume if there is none; gives a plain one, which an earlier devenv has created, its options. No
 * container may use the volume. A later call continues one that was interrupted.
 */
export async function ensureHomeVolume(docker: Docker, image: string, volume: HomeVolume): Promise<void> {
  const { name, labels } = volume;
  const moving = { name: movingName(name), labels: { 'devenv.instance': labels['devenv.instance'] ?? '' } };
  const existing = await inspectVolume(docker, name);
  if (existing !== null && isPlain(existing)) {
    await createVolume(docker, moving);
    await moveContent(docker, image, name, moving.name);
    await removeVolume(docker, name);
  }
  if (existing === null || isPlain(existing)) await createVolume(docker, volume);
  if ((await inspectVolume(docker, moving.name)) === null) return;
  await moveContent(docker, image, moving.name, name);
  await removeVolume(docker, moving.name);
}

/** Removes the home's volume; does nothing if there is none. */
export async function removeHomeVolume(docker: Docker, name: string): Promise<void> {
  await removeVolume(docker, name);
  await removeVolume(docker, movingName(name));
}
