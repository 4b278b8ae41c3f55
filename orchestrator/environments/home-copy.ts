/** Copies a home from one volume to another and compares the copy. */
import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { runHelper } from './helper-container.ts';
import type { HomeImageDeps } from './home-image.ts';

const script = readFileSync(new URL('home-copy.sh', import.meta.url), 'utf8');

async function run(
  { docker, image, bridge }: HomeImageDeps,
  operation: 'measure' | 'copy',
  { from, to, limitBytes }: { from: string; to: Docker.MountSettings; limitBytes: number },
) {
  return runHelper(docker, {
    name: `${from}.copy`,
    image,
    bridge,
    script,
    operation,
    env: { LIMIT: String(limitBytes) },
    host: {
      // FOWNER: modes and times of files that belong to the student.
      CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
      Mounts: [
        {
          Type: 'volume',
          Source: from,
          Target: '/from',
          ReadOnly: true,
          VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } },
        },
        to,
      ],
    },
  });
}

const REASONS: Readonly<Record<number, string>> = {
  3: 'is larger than limits.home',
  4: "could not be copied: Docker's disk has no room for the copy",
};

/** Null if the home in the volume fits into the limit and its copy onto Docker's disk, else why it does not. */
export async function measureHome(
  deps: HomeImageDeps,
  from: string,
  limitBytes: number,
): Promise<string | null> {
  const { DockerRootDir } = (await deps.docker.info()) as { DockerRootDir: string };
  const to: Docker.MountSettings = {
    Type: 'bind',
    Source: `${DockerRootDir}/volumes`,
    Target: '/to',
    ReadOnly: true,
    BindOptions: { Propagation: 'rslave', NonRecursive: true } as Docker.MountSettings['BindOptions'],
  };
  const { exitCode, lastLine } = await run(deps, 'measure', { from, to, limitBytes });
  if (exitCode === 0) return null;
  return REASONS[exitCode] ?? `could not be measured: ${lastLine}`;
}

/** Copies the home to an empty one. Throws where the copy is not complete. */
export async function copyHome(deps: HomeImageDeps, from: string, to: string): Promise<void> {
  const target: Docker.MountSettings = { Type: 'volume', Source: to, Target: '/to' };
  const { exitCode, lastLine } = await run(deps, 'copy', { from, to: target, limitBytes: 0 });
  if (exitCode !== 0) throw new Error(lastLine || `exit code ${exitCode}`);
}
