/**
 * What the student image stands on: Debian's slim image where a registry answers, else the same system made from
 * Debian's packages, for schools whose network reaches a package mirror but no image registry.
 */
import { spawn } from 'node:child_process';
import type Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { DevenvError, messageOf } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { installPackages } from './apt-packages.ts';
import { runCommand } from './run-command.ts';

const SUITE = 'bookworm';
const PULLED_BASE = 'debian:bookworm-slim';
const MADE_BASE = 'devenv-base:bookworm';

/** A registry that has not begun to answer by then is taken as out of reach, in ms. */
const PULL_PATIENCE = 20_000;

interface Options {
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

/** Pulls the base; resolves to why it could not, where it could not. */
async function pull(docker: Docker, signal: AbortSignal): Promise<string | null> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PULL_PATIENCE)]);
    const stream = await docker.pull(PULLED_BASE, { abortSignal: patience });
    return await new Promise((resolve) => {
      docker.modem.followProgress(stream, (error) => resolve(error === null ? null : error.message));
    });
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  }
}

async function ensureMmdebstrap({ progress, signal, mayInstall }: Options): Promise<void> {
  if ((await runCommand('mmdebstrap', ['--version']).catch(() => ({ code: 1 }))).code === 0) return;
  const need = 'No image registry answers, and mmdebstrap, which makes the base from packages, is missing';
  await installPackages({ packages: ['mmdebstrap'], need, code: 'image', mayInstall, progress, signal });
}

/** Streams mmdebstrap's tar into the engine, with no file in between. */
async function make(options: Options): Promise<void> {
  await ensureMmdebstrap(options);
  const { docker, progress, signal } = options;
  progress.step('base', 'Making the base image from Debian packages (about half a minute)');
  const child = spawn('mmdebstrap', ['--variant=minbase', '--quiet', SUITE, '-'], {
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + data).slice(-4096);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
  // Imported under a name of its own first: what a cut-off mmdebstrap has made must never become the base.
  const [code] = await Promise.all([
    ended,
    (async () => {
      const answer = await docker.importImage(child.stdout, {
        repo: 'devenv-base',
        tag: 'unfinished',
      });
      await new Promise((resolve) => docker.modem.followProgress(answer, resolve));
    })(),
  ]);
  const unfinished = docker.getImage('devenv-base:unfinished');
  if (code === 0) await unfinished.tag({ repo: 'devenv-base', tag: SUITE });
  await unfinished.remove().catch(() => undefined);
  if (code !== 0) {
    throw new DevenvError({
      code: 'image',
      what: `mmdebstrap could not make the base image: ${complaint.trim().split('\n').at(-1)}`,
      next: 'Check that the host reaches its Debian mirror (`apt-get update`), then run the command again.',
    });
  }
}

/** Makes sure of a base image and returns its name. Throws `image`. */
export async function ensureBaseImage(options: Options): Promise<string> {
  const { docker, choice, progress, signal } = options;
  if (choice !== 'debian' && (await hasImage(docker, PULLED_BASE))) return PULLED_BASE;
  if (choice !== 'pull' && (await hasImage(docker, MADE_BASE))) return MADE_BASE;
  if (choice !== 'debian') {
    progress.step('base', `Pulling ${PULLED_BASE}`);
    const problem = await pull(docker, signal);
    if (problem === null) {
      progress.done('base', `${PULLED_BASE} is pulled`);
      return PULLED_BASE;
    }
    if (choice === 'pull') {
      throw new DevenvError({
        code: 'image',
        what: `${PULLED_BASE} could not be pulled: ${problem}`,
        next: 'Check the network, or set DEVENV_BASE=debian to make the base from Debian packages.',
      });
    }
  }
  await make(options);
  progress.done('base', 'The base image is made from Debian packages');
  return MADE_BASE;
}
