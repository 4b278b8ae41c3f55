/** The Docker engine: found, installed where that is allowed, started where nothing else does. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import { installPackages } from './apt-packages.ts';
import { runCommand } from './run-command.ts';

const DOCKERD_LOG = '/var/log/devenv-dockerd.log';

export interface EnsureEngineOptions {
  progress: Progress;
  signal: AbortSignal;
  /** False with `DEVENV_NO_INSTALL=1`: then what is missing is an error that says what to run. */
  mayInstall: boolean;
}

/** A client for the engine that `DOCKER_HOST` names, else the default socket. */
export function connectEngine(): Docker {
  return new Docker();
}

async function answers(docker: Docker): Promise<true | Error> {
  try {
    await docker.ping();
    return true;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const isRoot = () => process.getuid?.() === 0;
const hasCommand = async (name: string) => (await runCommand('sh', ['-c', `command -v ${name}`])).code === 0;

function refuse(what: string, next: string): never {
  throw new DevenvError({ code: 'engine', what, next });
}

/**
 * After a host went down hard, the pid files of the engine may name a process that is something else by now: dockerd
 * would then refuse to start, or take that process for its containerd.
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

async function startEngine(docker: Docker, { progress, signal }: EnsureEngineOptions): Promise<void> {
  if (!isRoot()) {
    refuse('The Docker engine is installed but does not answer.', 'Start it as root: systemctl start docker');
  }
  progress.step('engine', 'Starting the Docker engine');
  if (existsSync('/run/systemd/system')) {
    await runCommand('systemctl', ['start', 'docker'], { signal });
  } else {
    removeStalePidFiles();
    mkdirSync('/var/log', { recursive: true });
    const log = openSync(DOCKERD_LOG, 'a');
    spawn('dockerd', [], {
      detached: true,
      stdio: ['ignore', log, log],
    }).unref();
  }
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if ((await answers(docker)) === true) return;
    await sleep(100, undefined, { signal });
  }
  refuse(
    'The Docker engine was started but did not answer within 30 s.',
    `See ${DOCKERD_LOG} or \`journalctl -u docker\`.`,
  );
}

/**
 * Makes sure that an engine answers: finds it, else installs and starts it, saying so. Throws `engine` with what
 * to run where that is not possible or not allowed.
 */
export async function ensureEngine(options: EnsureEngineOptions): Promise<void> {
  const docker = connectEngine();
  const first = await answers(docker);
  if (first === true) return;
  if ('code' in first && first.code === 'EACCES') {
    refuse(
      'This user may not use the Docker engine.',
      'Add the user to the group `docker`, or run devenv as root.',
    );
  }
  if (process.env.DOCKER_HOST !== undefined) {
    refuse(
      `The Docker engine at DOCKER_HOST does not answer: ${first.message}`,
      'Start it, or unset DOCKER_HOST.',
    );
  }
  if (!(await hasCommand('dockerd'))) {
    const need = 'There is no Docker engine on this host';
    await installPackages({ ...options, packages: ['docker.io', 'iptables'], need, code: 'engine' });
  }
  if ((await answers(docker)) !== true) await startEngine(docker, options);
  options.progress.done('engine', 'The Docker engine answers');
}
