/** Runs a script in a short-lived container that has only the rights that the script needs. */
import type Docker from 'dockerode';
import { decodeFrames } from './container-log.ts';
import { isStatus } from './engine-errors.ts';
import { HELPER_LABEL } from './firewall-helper.ts';

export interface HelperOptions {
  /** No other helper has this name; one that a killed daemon has left is removed first. */
  name: string;
  image: string;
  /** The bridge of the installation: helpers that are left over are found by it. */
  bridge: string;
  script: string;
  /** The script's first argument. */
  operation: string;
  env: Record<string, string>;
  /** Mounts, capabilities and devices. Everything else is as restricted as can be. */
  host: Docker.HostConfig;
}

export interface HelperResult {
  exitCode: number;
  /** The last line that it printed. May contain names of the student's files. */
  lastLine: string;
}

/** Removes the helper, running or not; does nothing if there is none. */
export async function removeHelper(docker: Docker, name: string): Promise<void> {
  try {
    await docker.getContainer(name).remove({ force: true });
  } catch (error) {
    // 409: the engine is removing it already.
    if (!isStatus(error, 404, 409)) throw error;
  }
}

/** Runs the script to its end. Rejects where the engine could not run it. */
export async function runHelper(docker: Docker, options: HelperOptions): Promise<HelperResult> {
  const { name, image, bridge, script, operation, env, host } = options;
  await removeHelper(docker, name);
  const container = await docker.createContainer({
    name,
    Image: image,
    Cmd: ['/bin/sh', '-c', script, 'helper', operation],
    User: '0:0',
    Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
    Labels: { [HELPER_LABEL]: bridge },
    HostConfig: {
      NetworkMode: 'none',
      // With `userns-remap`, root of a remapped container owns no file of the engine.
      UsernsMode: 'host',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: { '/tmp': 'size=16m' },
      ...host,
    },
  });
  try {
    await container.start();
    const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
    return { exitCode, lastLine: exitCode === 0 ? '' : await lastLine(container) };
  } finally {
    await container.remove({ force: true }).catch(() => undefined);
  }
}

async function lastLine(container: Docker.Container): Promise<string> {
  const log = await container.logs({ stdout: true, stderr: true, tail: 1 }).then(decodeFrames, () => '');
  return log
    .replace(/[^\x20-\x7e]/g, '')
    .slice(0, 300)
    .trim();
}
