/**
 * The base of the student image: Debian's slim image where a registry answers, else the same system made from
 * Debian's packages, for schools whose network reaches a package mirror but no image registry.
 */
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import type { Clock } from '../clock.ts';
import type { Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { installPackages } from './apt-packages.ts';
import { diskFullError, isDiskFull, isStatus } from './engine-errors.ts';
import { followProgress } from './engine-progress.ts';
import { hasProgram, hostShell } from './host-shell.ts';
import { runBuild } from './image-build.ts';
import { pullImage } from './image-pull.ts';

const SUITE = 'bookworm';

/** Where bases come from, and the engine's repository that keeps them. Tests use their own. */
export interface BaseSource {
  /** The image to pull, as `name:tag`. */
  pulled: string;
  repository: string;
}

const DEBIAN: BaseSource = { pulled: `debian:${SUITE}-slim`, repository: 'devenv-base' };

/** Tags of the bases in use. Each stays on its image until `devenv update` has a complete new one. */
const BUILT_TAG = SUITE;
const PULLED_TAG = `${SUITE}-pulled`;

/** What a base was made from, e.g. `debian@sha256:…`. Bases made by mmdebstrap have no such label. */
const ORIGIN_LABEL = 'devenv.base';

export interface BaseImage {
  /** The base's name in the engine. */
  name: string;
  /** The engine's id of the image: each update makes another one. */
  id: string;
  /** What it was made from: `debian@sha256:…` or `mmdebstrap`. */
  origin: string;
  /** When it was made: ms since 1970. */
  createdAt: number;
}

export interface BaseImageOptions {
  docker: Docker;
  clock: Clock;
  choice: Settings['base'];
  progress: Progress;
  signal: AbortSignal;
  mayInstall: boolean;
  source?: BaseSource | undefined;
}

/** A complete new base that is not used yet: its name in the engine is temporary. */
export interface NewBase extends BaseImage {
  /** The tag that `adoptBase` gives it. */
  tag: string;
}

/** The details of an image; null if the engine does not have it. */
async function inspectImage(docker: Docker, name: string): Promise<Docker.ImageInspectInfo | null> {
  try {
    return await docker.getImage(name).inspect();
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

async function inspectBase(docker: Docker, name: string): Promise<BaseImage | null> {
  const found = await inspectImage(docker, name);
  if (found === null) return null;
  const origin = found.Config?.Labels?.[ORIGIN_LABEL] ?? 'mmdebstrap';
  return { name, id: found.Id, origin, createdAt: Date.parse(found.Created) };
}

/** The newest base in the engine that the setting `base` allows; null if there is none. */
export async function findBaseImage({
  docker,
  choice,
  source = DEBIAN,
}: Pick<BaseImageOptions, 'docker' | 'choice' | 'source'>): Promise<BaseImage | null> {
  const tags = { auto: [PULLED_TAG, BUILT_TAG], pull: [PULLED_TAG], debian: [BUILT_TAG] }[choice];
  const found = await Promise.all(tags.map((tag) => inspectBase(docker, `${source.repository}:${tag}`)));
  return found.filter((base) => base !== null).sort((a, b) => b.createdAt - a.createdAt)[0] ?? null;
}

/** Not `unfinished` alone: two installations on one engine may make a base at the same time. */
const temporaryTag = () => `unfinished-${process.pid}`;

function failed(what: string, next: string): DevenvError {
  return new DevenvError({ code: 'image', what, next });
}

const PULL_ADVICE = 'Check the network, or set DEVENV_BASE=debian to build the base from Debian packages.';

/** Makes the base from the pulled image, by digest: another client of the engine may move the tag at any time. */
async function pinPulled({ docker, signal, source = DEBIAN }: BaseImageOptions): Promise<NewBase> {
  const repository = source.pulled.replace(/:[^:/]*$/, '');
  const pulled = await docker.getImage(source.pulled).inspect();
  // An image that was loaded from a file has no digest of a registry.
  const origin = pulled.RepoDigests?.find((digest) => digest.startsWith(`${repository}@`)) ?? source.pulled;
  const name = `${source.repository}:${temporaryTag()}`;
  const context = tar.pack();
  context.entry({ name: 'Dockerfile' }, `FROM ${origin}\n`);
  context.finalize();
  const failure = await runBuild(docker, Readable.from(context), {
    t: name,
    // The time makes each base another image, so that the student image's packages are installed again.
    labels: { [ORIGIN_LABEL]: origin, 'devenv.base.made': new Date().toISOString() },
    abortSignal: signal,
  });
  if (failure !== null) throw failed(`The base could not be made from ${origin}: ${failure}`, PULL_ADVICE);
  return readNewBase(docker, name, PULLED_TAG);
}

async function readNewBase(docker: Docker, name: string, tag: string): Promise<NewBase> {
  const base = await inspectBase(docker, name);
  if (base === null) throw failed(`The new base ${name} was removed.`, 'Run the command again.');
  return { ...base, tag };
}

async function ensureMmdebstrap({ progress, signal, mayInstall }: BaseImageOptions): Promise<void> {
  if (await hasProgram('mmdebstrap')) return;
  const need = 'No image registry answers, and mmdebstrap, which makes the base from packages, is missing';
  await installPackages({ packages: ['mmdebstrap'], need, code: 'image', mayInstall, progress, signal });
}

/** Resolves to null, or to the reason why the engine could not import the archive. */
async function importImage(docker: Docker, archive: Readable, repo: string, tag: string) {
  return followProgress(docker, await docker.importImage(archive, { repo, tag }));
}

/** Streams mmdebstrap's tar archive into the engine, with no file in between. */
async function buildBase(options: BaseImageOptions): Promise<NewBase> {
  await ensureMmdebstrap(options);
  const { docker, progress, signal, source = DEBIAN } = options;
  progress.step('base', 'Building the base image from Debian packages (about 30 s)');
  // The archive comes on descriptor 3: zx keeps all that comes on 1 in memory.
  const $ = await hostShell({ signal, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const running = $`mmdebstrap --variant=minbase --quiet ${SUITE} - >&3`;
  const archive = running.child?.stdio[3];
  if (!(archive instanceof Readable)) throw new Error('mmdebstrap was started without a pipe');
  // First under another tag: the archive of an interrupted mmdebstrap must never become the base.
  const tag = temporaryTag();
  const name = `${source.repository}:${tag}`;
  const [result, failure] = await Promise.all([
    running,
    importImage(docker, archive, source.repository, tag),
  ]);
  if (result.ok && failure === null && !signal.aborted) return readNewBase(docker, name, BUILT_TAG);
  await removeTag(docker, name);
  signal.throwIfAborted();
  if (isDiskFull(failure ?? '')) throw diskFullError('import the base image');
  if (result.ok)
    throw failed(
      `The engine could not import the base image: ${failure}`,
      'Run the command again. If this stays, the log of Docker may say why: `journalctl -u docker`.',
    );
  throw failed(
    `mmdebstrap could not build the base image: ${result.stderr.trim().split('\n').at(-1)}`,
    'Check that this host reaches its Debian mirror (`apt-get update`), then run the command again.',
  );
}

async function removeTag(docker: Docker, name: string): Promise<void> {
  await docker
    .getImage(name)
    .remove()
    .catch(() => undefined);
}

/** Pulls or builds a new base. The base in use stays in use until `adoptBase`. Throws `image`. */
export async function makeBaseImage(options: BaseImageOptions): Promise<NewBase> {
  const { docker, clock, choice, progress, signal, source = DEBIAN } = options;
  if (choice !== 'debian') {
    const failure = await pullImage({ docker, clock, name: source.pulled, progress, signal });
    if (failure === null) {
      const base = await pinPulled(options);
      progress.done('base', `Pulled ${base.origin}`);
      return base;
    }
    if (choice === 'pull') throw failed(`${source.pulled} could not be pulled: ${failure}`, PULL_ADVICE);
  }
  const base = await buildBase(options);
  progress.done('base', 'Base image built');
  return base;
}

/** Makes a new base the one in use. */
export async function adoptBase(
  docker: Docker,
  { tag, ...base }: NewBase,
  source = DEBIAN,
): Promise<BaseImage> {
  await docker.getImage(base.name).tag({ repo: source.repository, tag });
  await removeTag(docker, base.name);
  return { ...base, name: `${source.repository}:${tag}` };
}

/** Forgets a new base that could not be used. */
export function discardBase(docker: Docker, base: NewBase): Promise<void> {
  return removeTag(docker, base.name);
}

/** Ensures that the engine has a base image. Throws `image`. */
export async function ensureBaseImage(options: BaseImageOptions): Promise<BaseImage> {
  const { docker, choice, source = DEBIAN } = options;
  const found = await findBaseImage(options);
  if (found !== null) return found;
  // Also where no registry answers: the instructor may have loaded the image from a file.
  const hasPulled = choice !== 'debian' && (await inspectImage(docker, source.pulled)) !== null;
  const base = hasPulled ? await pinPulled(options) : await makeBaseImage(options);
  return adoptBase(docker, base, source);
}
