/**
 * Homes that are an ext4 file system of a fixed size in a file. The file is in the folder of the home's Docker volume, so
 * it is removed with it. The volume mounts the loop device of the file, which must be attached before each start: the
 * kernel forgets it at a reboot.
 */
import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { runHelper } from './helper-container.ts';

const script = readFileSync(new URL('home-image.sh', import.meta.url), 'utf8');

/**
 * Mount options. `discard` returns the space of deleted files to the host. After an error of the disk, the home becomes
 * read-only instead of worse.
 */
const MOUNT_OPTIONS = 'nosuid,nodev,discard,noinit_itable,errors=remount-ro';

export const imageVolumeOptions = (loop: number) => ({
  type: 'ext4',
  o: MOUNT_OPTIONS,
  device: `/dev/loop${loop}`,
});

/** Numbers of loop devices: above those that programs take, and below the highest one with partitions. */
const LOOPS = { from: 1000, to: 16_000 };

/** A number that no home of this engine has. Random: another installation may choose at the same moment. */
export function chooseLoop(taken: ReadonlySet<number>, random: () => number = Math.random): number {
  for (;;) {
    const loop = LOOPS.from + Math.floor(random() * (LOOPS.to - LOOPS.from));
    if (!taken.has(loop)) return loop;
  }
}

/** The loop device of a volume's options; null if the volume is no image. */
export function loopOf(options: Record<string, string> | null | undefined): number | null {
  const [, digits] = options?.device?.match(/^\/dev\/loop(\d+)$/) ?? [];
  return digits === undefined ? null : Number(digits);
}

export interface HomeImage {
  volume: string;
  loop: number;
  limitBytes: number;
  uid: number;
}

export interface HomeImageDeps {
  docker: Docker;
  image: string;
  bridge: string;
}

/** What went wrong with a home's file. */
export class HomeImageError extends Error {
  readonly kind: 'in-use' | 'damaged' | 'missing' | 'too-large' | 'other';

  constructor(kind: HomeImageError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

const KINDS: Readonly<Record<number, HomeImageError['kind']>> = {
  3: 'in-use',
  4: 'damaged',
  5: 'missing',
  6: 'too-large',
};

/** The host's uid of uid 0 in containers. With `userns-remap`, the engine names its folder after it. */
export const firstUidOf = (dockerRoot: string) => Number(dockerRoot.match(/\/(\d+)\.\d+$/)?.[1] ?? 0);

async function run(
  { docker, image, bridge }: HomeImageDeps,
  operation: 'attach' | 'limit' | 'detach',
  { volume, loop, limitBytes, uid }: HomeImage,
  make: 'skeleton' | 'empty' | '' = '',
): Promise<void> {
  const { DockerRootDir } = (await docker.info()) as { DockerRootDir: string };
  const { exitCode, lastLine } = await runHelper(docker, {
    // A student's name contains no dot, so the helper never has the name of an environment.
    name: `${volume}.image`,
    image,
    bridge,
    script,
    operation,
    env: {
      FILE: '/volume/home.img',
      LOOP: String(loop),
      LIMIT: String(limitBytes),
      OWNER: String(uid + firstUidOf(DockerRootDir)),
      MAKE: make,
    },
    host: {
      // MKNOD: the loop device, which the container does not have yet. DAC_OVERRIDE: folders of other owners in the volume.
      CapAdd: ['MKNOD', 'CHOWN', 'DAC_OVERRIDE'],
      Devices: [
        {
          PathOnHost: '/dev/loop-control',
          PathInContainer: '/dev/loop-control',
          CgroupPermissions: 'rwm',
        },
      ],
      DeviceCgroupRules: ['b 7:* rwm'],
      Mounts: [
        {
          Type: 'bind',
          Source: `${DockerRootDir}/volumes/${volume}`,
          Target: '/volume',
          // Without the mounted home: it would stay mounted until this container is gone.
          BindOptions: { Propagation: 'rslave', NonRecursive: true } as Docker.MountSettings['BindOptions'],
        },
        // There the tools recognize that the device is mounted.
        ...(operation === 'limit' ? [{ Type: 'volume' as const, Source: volume, Target: '/mnt' }] : []),
      ],
    },
  });
  if (exitCode !== 0)
    throw new HomeImageError(KINDS[exitCode] ?? 'other', lastLine || `exit code ${exitCode}`);
}

/**
 * Makes the file if `make` says so and there is none, attaches it, checks it if it isn't mounted, and applies the limit.
 * `skeleton`: a new home has the files that every new home has. Throws `HomeImageError`.
 */
export const attachImage = (deps: HomeImageDeps, home: HomeImage, make: 'skeleton' | 'empty' | '' = '') =>
  run(deps, 'attach', home, make);

/** Applies the limit to a home that is mounted. Throws `HomeImageError`: `too-large` where that needs a restart. */
export const limitImage = (deps: HomeImageDeps, home: HomeImage) => run(deps, 'limit', home);

/** Detaches the loop device. Nothing may use the home. */
export const detachImage = (deps: HomeImageDeps, home: HomeImage) => run(deps, 'detach', home);
