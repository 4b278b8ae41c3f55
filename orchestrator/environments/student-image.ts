/** Builds the student image. Its tag is a hash of its inputs, so an unchanged image is found and not built again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { ensureBaseImage } from './base-image.ts';
import { diskFullError, isDiskFull } from './engine-errors.ts';
import { hostShell } from './host-shell.ts';
import { type ContextEntry, contextHash, imageContext, packContext } from './image-context.ts';

const REPOSITORY = 'devenv-student';

export interface StudentImageOptions {
  docker: Docker;
  settings: Settings;
  clock: Clock;
  progress: Progress;
  signal: AbortSignal;
}

interface BuildMessage {
  stream?: string;
  error?: string;
}

/** The proxy lines of the host's apt configuration. A build inside the engine would not know them. */
async function readAptProxy(): Promise<string> {
  const $ = await hostShell();
  const { ok, stdout } = await $`apt-config dump --format ${'%f "%v";%n'} Acquire`;
  if (!ok) return '';
  return stdout
    .split('\n')
    .filter((line) => /^Acquire::(http|https)::proxy /i.test(line) && !line.endsWith('"";'))
    .map((line) => `${line}\n`)
    .join('');
}

/** The classic builder's `Step 5/12 : RUN …` as a line of progress; null for other output. */
function progressText(message: BuildMessage): string | null {
  const [, step, total] = message.stream?.match(/^Step (\d+)\/(\d+) : /) ?? [];
  return step === undefined ? null : `Building the student image: step ${step} of ${total}…`;
}

async function buildImage(
  options: StudentImageOptions,
  entries: readonly ContextEntry[],
  base: string,
  name: string,
) {
  const { docker, settings, progress, signal } = options;
  const output: string[] = [];
  const stream = await docker.buildImage(packContext(entries), {
    t: name,
    buildargs: { BASE: base },
    labels: { 'devenv.image': 'student' },
    forcerm: true,
    abortSignal: signal,
  });
  const failure = await new Promise<string | null>((resolve) => {
    docker.modem.followProgress(
      stream,
      (error, messages: BuildMessage[]) =>
        resolve(error?.message ?? messages.find((message) => message.error)?.error ?? null),
      (message: BuildMessage) => {
        if (message.stream) output.push(message.stream);
        const text = progressText(message);
        if (text !== null) progress.step('image', text);
      },
    );
  });
  signal.throwIfAborted();
  if (failure === null) return;
  if (isDiskFull(failure)) throw diskFullError('build the student image');
  const log = join(settings.stateDir, 'image-build.log');
  writeFileSync(log, output.join(''));
  throw new DevenvError({
    code: 'image',
    what: `The student image could not be built: ${failure}`,
    next: `Fix what ${log} shows, then run the command again.`,
  });
}

/** Another installation may be about to use a younger image. */
const MIN_PRUNE_AGE_MS = 24 * 60 * 60_000;

/** Removes older student images. The engine refuses to remove one that a container uses. */
async function pruneImages(docker: Docker, clock: Clock, keep: string): Promise<void> {
  const images = await docker.listImages({
    filters: { label: ['devenv.image=student'] },
  });
  for (const image of images) {
    const tags = image.RepoTags ?? [];
    if (tags.includes(keep) || clock.now() - image.Created * 1000 < MIN_PRUNE_AGE_MS) continue;
    for (const tag of tags.filter((each) => each.startsWith(`${REPOSITORY}:`))) {
      await docker
        .getImage(tag)
        .remove()
        .catch(() => undefined);
    }
  }
}

/** Ensures that the engine has the student image and returns its name. Cheap if nothing changed. Throws `image`. */
export async function ensureStudentImage(options: StudentImageOptions): Promise<string> {
  const { docker, settings, progress, signal } = options;
  const entries = imageContext(await readAptProxy());
  const name = `${REPOSITORY}:${contextHash(entries, settings.base)}`;
  const found = await docker.listImages({ filters: { reference: [name] } });
  if (found.length > 0) return name;
  const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
  const base = await ensureBaseImage({
    docker,
    choice: settings.base,
    progress,
    signal,
    mayInstall,
  });
  await buildImage(options, entries, base, name);
  await pruneImages(docker, options.clock, name);
  progress.done('image', 'Student image built');
  return name;
}
