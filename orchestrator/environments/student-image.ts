/** The student image: built when its inputs have changed, else found by the hash in its tag. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Progress } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import { ensureBaseImage } from './base-image.ts';
import { type ContextEntry, contextHash, imageContext, packContext } from './image-context.ts';
import { runCommand } from './run-command.ts';

const REPOSITORY = 'devenv-student';

interface Options {
  docker: Docker;
  settings: Settings;
  progress: Progress;
  signal: AbortSignal;
}

interface BuildMessage {
  stream?: string;
  error?: string;
}

/** The proxy lines of the host's apt, which a build inside the engine would not know of. */
async function aptProxy(): Promise<string> {
  const { code, output } = await runCommand('apt-config', [
    'dump',
    '--format',
    '%f "%v";%n',
    'Acquire',
  ]).catch(() => ({ code: 1, output: '' }));
  if (code !== 0) return '';
  return output
    .split('\n')
    .filter((line) => /^Acquire::(http|https)::proxy /i.test(line) && !line.endsWith('"";'))
    .map((line) => `${line}\n`)
    .join('');
}

/** The classic builder's `Step 5/12 : RUN …`, short enough for a line of progress. */
function stepOf(message: BuildMessage): string | null {
  const found = message.stream?.match(/^Step (\d+)\/(\d+) : (\w+) ?(.*)/);
  if (!found) return null;
  const [, number, total, instruction, rest = ''] = found;
  return `Building the student image: step ${number} of ${total}, ${instruction} ${rest.slice(0, 40)}`.trim();
}

async function build(options: Options, entries: readonly ContextEntry[], base: string, name: string) {
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
        const step = stepOf(message);
        if (step) progress.step('image', step);
      },
    );
  });
  signal.throwIfAborted();
  if (failure === null) return;
  const log = join(settings.stateDir, 'image-build.log');
  writeFileSync(log, output.join(''));
  throw new DevenvError({
    code: 'image',
    what: `The student image could not be built: ${failure}`,
    next: `${log} has the whole output. Mend what it names and run the command again.`,
  });
}

/** A younger image may be another installation's, about to be used: it is left, in ms. */
const PRUNE_AFTER = 24 * 60 * 60_000;

/** Older images of ours that no container uses any more go; one that is in use stays, the engine refuses. */
async function prune(docker: Docker, keep: string): Promise<void> {
  const images = await docker.listImages({
    filters: { label: ['devenv.image=student'] },
  });
  for (const image of images) {
    const tags = image.RepoTags ?? [];
    if (tags.includes(keep) || Date.now() - image.Created * 1000 < PRUNE_AFTER) continue;
    for (const tag of tags.filter((each) => each.startsWith(`${REPOSITORY}:`))) {
      await docker
        .getImage(tag)
        .remove()
        .catch(() => undefined);
    }
  }
}

/** Makes sure of the student image and returns its name. Cheap when nothing changed. Throws `image`. */
export async function ensureStudentImage(options: Options): Promise<string> {
  const { docker, settings, progress, signal } = options;
  const entries = imageContext(await aptProxy());
  const name = `${REPOSITORY}:${contextHash(entries, settings.base)}`;
  const known = await docker.listImages({ filters: { reference: [name] } });
  if (known.length > 0) return name;
  const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
  const base = await ensureBaseImage({
    docker,
    choice: settings.base,
    progress,
    signal,
    mayInstall,
  });
  progress.step('image', 'Building the student image');
  await build(options, entries, base, name);
  await prune(docker, name);
  progress.done('image', 'The student image is built');
  return name;
}
