/** Finds the Docker engine; installs and starts it where that is possible and allowed. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import { installPackages } from './apt-packages.ts';
import { hasProgram, hostShell } from './host-shell.ts';

const DOCKERD_LOG = '/var/log/devenv-dockerd.log';
const ENGINE_START_TIMEOUT_MS = 30_000;
const ENGINE_POLL_MS = 100;

export interface EnsureEngineOptions {
  progress: Progress;
  signal: AbortSignal;
  /** False with `DEVENV_NO_INSTALL=1`: a missing engine is then an error that says what to run. */
  mayInstall: boolean;
}

/** A client for the engine at `DOCKER_HOST`, else at the default socket. Connects to nothing yet. */
export function connectEngine(): Docker {
  return new Docker();
}

/** Null where the engine answers, else why it does not. */
async function findFailure(docker: Docker): Promise<Error | null> {
  try {
    await docker.ping();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * Polls until the engine answers; false where it still does not after 30 s. Real time, not a Clock: its timers would not
 * keep the command line's process alive.
 */
async function waitForEngine(docker: Docker, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + ENGINE_START_TIMEOUT_MS;
  while ((await findFailure(docker)) !== null) {
    if (performance.now() >= deadline) return false;
    await sleep(ENGINE_POLL_MS, undefined, { signal });
  }
  return true;
}

function refuse(what: string, next: string): never {
  throw new DevenvError({ code: 'engine', what, next });
}

/**
 * After a power failure, the engine's pid files may name a process that is another program now: dockerd would then
 * refuse to start, or take that process for its containerd.
 */
function removeStalePidFiles(): void {
  for (const [path, name] of [
    ['/var/run/docker.pid', 'dockerd'],
    ['/var/run/docker/containerd/containerd.pid', 'containerd'],
  ] as const) {
    if (!existsSync(path)) continue;
    const comm = `/proc/${readFileSync(path, 'utf8').trim()}/comm`;
    if (!existsSync(comm) || readFileSync(comm, 'utf8').trim() !== name) rmSync(path);
  }
}

/**
 * With the file limit that Docker's own unit sets, else with the highest that is allowed: the port proxies inherit it,
 * and one that runs out of files exits (6 files for each visitor).
 */
export const DOCKERD_SCRIPT = 'ulimit -n 1048576 2>/dev/null || ulimit -S -n "$(ulimit -H -n)"; exec dockerd';

/** Starts dockerd as a process that outlives this one, where no systemd does. */
async function spawnDockerd(): Promise<void> {
  removeStalePidFiles();
  mkdirSync('/var/log', { recursive: true });
  const log = openSync(DOCKERD_LOG, 'a');
  const $ = await hostShell({ detached: true, stdio: ['ignore', log, log] });
  $`sh -c ${DOCKERD_SCRIPT}`.child?.unref();
  closeSync(log);
}

async function startEngine(docker: Docker, { progress, signal }: EnsureEngineOptions): Promise<void> {
  if (process.getuid?.() !== 0) {
    refuse('The Docker engine is installed but does not answer.', 'Start it as root: systemctl start docker');
  }
  progress.step('engine', 'Starting the Docker engine');
  if (existsSync('/run/systemd/system')) {
    const $ = await hostShell({ signal });
    await $`systemctl start docker`;
  } else {
    await spawnDockerd();
  }
  if (await waitForEngine(docker, signal)) return;
  refuse(
    `The Docker engine was started but did not answer within ${ENGINE_START_TIMEOUT_MS / 1000} s.`,
    `See ${DOCKERD_LOG} or \`journalctl -u docker\`.`,
  );
}

/**
 * Ensures that an engine answers; installs and starts one if needed, and reports it. Throws `engine` with the command
 * to run where that is impossible or forbidden.
 */
export async function ensureEngine(options: EnsureEngineOptions): Promise<void> {
  const docker = connectEngine();
  const failure = await findFailure(docker);
  if (failure === null) return;
  if ('code' in failure && failure.code === 'EACCES') {
    refuse(
      'This user may not use the Docker engine.',
      'Add the user to the group `docker`, or run devenv as root.',
    );
  }
  if (process.env.DOCKER_HOST !== undefined) {
    refuse(
      `The Docker engine at DOCKER_HOST does not answer: ${failure.message}`,
      'Start it, or unset DOCKER_HOST.',
    );
  }
  if (!(await hasProgram('dockerd'))) {
    const need = 'There is no Docker engine on this host';
    await installPackages({ ...options, packages: ['docker.io', 'iptables'], need, code: 'engine' });
  }
  if ((await findFailure(docker)) !== null) await startEngine(docker, options);
  options.progress.done('engine', 'Docker engine ready');
}
