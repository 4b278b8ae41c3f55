/**
 * The base of the student image: Debian's slim image where a registry answers, else the same system made from
 * Debian's packages, for schools whose network reaches a package mirror but no image registry.
 */
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { DevenvError, messageOf } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { installPackages } from './apt-packages.ts';
import { hasProgram, hostShell } from './host-shell.ts';

const SUITE = 'bookworm';
const PULLED_BASE = 'debian:bookworm-slim';
const BUILT_REPOSITORY = 'devenv-base';
const BUILT_BASE = `${BUILT_REPOSITORY}:${SUITE}`;

/** A registry that has not begun to answer by then counts as unreachable. */
const PULL_TIMEOUT_MS = 20_000;

export interface BaseImageOptions {
  docker: Docker;
  choice: Settings['base'];
  progress: Progress;
  signal: AbortSignal;
  mayInstall: boolean;
}

async function hasImage(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getImage(name).inspect();
    return true;
  } catch {
    return false;
  }
}

/** Pulls the base image. Resolves to null, or to the reason why it failed. */
async function pullBase(docker: Docker, signal: AbortSignal): Promise<string | null> {
  try {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(PULL_TIMEOUT_MS)]);
    const stream = await docker.pull(PULLED_BASE, { abortSignal });
    return await new Promise((resolve) => {
      docker.modem.followProgress(stream, (error) => resolve(error === null ? null : error.message));
    });
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  }
}

async function ensureMmdebstrap({ progress, signal, mayInstall }: BaseImageOptions): Promise<void> {
  if (await hasProgram('mmdebstrap')) return;
  const need = 'No image registry answers, and mmdebstrap, which makes the base from packages, is missing';
  await installPackages({ packages: ['mmdebstrap'], need, code: 'image', mayInstall, progress, signal });
}

async function importImage(docker: Docker, archive: Readable, tag: string): Promise<void> {
  const answer = await docker.importImage(archive, { repo: BUILT_REPOSITORY, tag });
  await new Promise((resolve) => docker.modem.followProgress(answer, resolve));
}

/** Streams mmdebstrap's tar archive into the engine, with no file in between. */
async function buildBase(options: BaseImageOptions): Promise<void> {
  await ensureMmdebstrap(options);
  const { docker, progress, signal } = options;
  progress.step('base', 'Building the base image from Debian packages (about 30 s)');
  // The archive comes on descriptor 3: zx keeps all that comes on 1 in memory.
  const $ = await hostShell({ signal, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const running = $`mmdebstrap --variant=minbase --quiet ${SUITE} - >&3`;
  const archive = running.child?.stdio[3];
  if (!(archive instanceof Readable)) throw new Error('mmdebstrap was started without a pipe');
  // First under another tag: the archive of an interrupted mmdebstrap must never become the base.
  const [result] = await Promise.all([running, importImage(docker, archive, 'unfinished')]);
  const unfinished = docker.getImage(`${BUILT_REPOSITORY}:unfinished`);
  if (result.ok) await unfinished.tag({ repo: BUILT_REPOSITORY, tag: SUITE });
  await unfinished.remove().catch(() => undefined);
  signal.throwIfAborted();
  if (!result.ok) {
    throw new DevenvError({
      code: 'image',
      what: `mmdebstrap could not build the base image: ${result.stderr.trim().split('\n').at(-1)}`,
      next: 'Check that this host reaches its Debian mirror (`apt-get update`), then run the command again.',
    });
  }
}

/** Ensures that the engine has a base image and returns its name. Throws `image`. */
export async function ensureBaseImage(options: BaseImageOptions): Promise<string> {
  const { docker, choice, progress, signal } = options;
  if (choice !== 'debian' && (await hasImage(docker, PULLED_BASE))) return PULLED_BASE;
  if (choice !== 'pull' && (await hasImage(docker, BUILT_BASE))) return BUILT_BASE;
  if (choice !== 'debian') {
    progress.step('base', `Pulling ${PULLED_BASE}`);
    const failure = await pullBase(docker, signal);
    if (failure === null) {
      progress.done('base', `Pulled ${PULLED_BASE}`);
      return PULLED_BASE;
    }
    if (choice === 'pull') {
      throw new DevenvError({
        code: 'image',
        what: `${PULLED_BASE} could not be pulled: ${failure}`,
        next: 'Check the network, or set DEVENV_BASE=debian to build the base from Debian packages.',
      });
    }
  }
  await buildBase(options);
  progress.done('base', 'Base image built');
  return BUILT_BASE;
}
