/**
 * Builds the student image. Its tag is a hash of its inputs and its base, so an unchanged image is found and not built
 * again, and a new base gives a new image.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Progress, StudentImage } from '../domain.ts';
import { DevenvError } from '../errors.ts';
import type { Settings } from '../settings-schema.ts';
import {
  adoptBase,
  type BaseImage,
  type BaseSource,
  discardBase,
  ensureBaseImage,
  findBaseImage,
  makeBaseImage,
} from './base-image.ts';
import { diskFullError, isDiskFull } from './engine-errors.ts';
import { hostShell } from './host-shell.ts';
import { type BuildReport, runBuild } from './image-build.ts';
import { type ContextEntry, contextHash, imageContext, packContext } from './image-context.ts';

/** Labels of a student image: the hash of its inputs without the base, what the base was made from, and when. */
const INPUTS_LABEL = 'devenv.inputs';
const BASE_LABEL = 'devenv.base';
const BASE_MADE_LABEL = 'devenv.base.made';

/** What the image is built from, and the engine's repository that keeps it. Tests use their own. */
export interface ImageSource {
  repository: string;
  /** Where the bases come from; undefined: from Debian. */
  base?: BaseSource;
  /** All inputs but the base. */
  readContext(): Promise<ContextEntry[]>;
}

const CHECKOUT: ImageSource = {
  repository: 'devenv-student',
  readContext: async () => imageContext(await readAptProxy()),
};

export interface StudentImageDeps {
  docker: Docker;
  settings: Settings;
  clock: Clock;
  source?: ImageSource;
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
function progressText({ stream }: BuildReport): string | null {
  const [, step, total] = stream?.match(/^Step (\d+)\/(\d+) : /) ?? [];
  return step === undefined ? null : `Building the student image: step ${step} of ${total}…`;
}

/** Another installation may be about to use a younger image. */
const MIN_PRUNE_AGE_MS = 24 * 60 * 60_000;

/** Removes older student images. The engine refuses to remove one that a container uses. */
async function pruneImages(
  { docker, clock, source: { repository } }: Required<StudentImageDeps>,
  keep: string,
) {
  const images = await docker.listImages({
    filters: { label: ['devenv.image=student'] },
  });
  for (const image of images) {
    const tags = image.RepoTags ?? [];
    if (tags.includes(keep) || clock.now() - image.Created * 1000 < MIN_PRUNE_AGE_MS) continue;
    for (const tag of tags.filter((each) => each.startsWith(`${repository}:`))) {
      await docker
        .getImage(tag)
        .remove()
        .catch(() => undefined);
    }
  }
}

/** What an image's labels say of its base; null where the engine does not have the image. */
export async function readStudentImage(docker: Docker, name: string): Promise<StudentImage | null> {
  const [image] = await docker.listImages({ filters: { reference: [name] } });
  if (image === undefined) return null;
  const made = image.Labels?.[BASE_MADE_LABEL];
  return {
    name,
    base: image.Labels?.[BASE_LABEL] ?? 'unknown',
    builtAt: made ?? new Date(image.Created * 1000).toISOString(),
  };
}

/** The student images of this checkout: its files and the settings decide which one is current. */
export class StudentImages {
  readonly #deps: Required<StudentImageDeps>;

  constructor(deps: StudentImageDeps) {
    this.#deps = { source: CHECKOUT, ...deps };
  }

  /** Name of the image that the next start uses, built or not; null while there is no base for it. */
  async find(): Promise<string | null> {
    return (await this.#inputs()).name;
  }

  /** Ensures that the engine has the image and returns its name. Cheap if nothing changed. Throws `image`. */
  async ensure(progress: Progress, signal: AbortSignal): Promise<string> {
    const { docker } = this.#deps;
    const { entries, name } = await this.#inputs();
    if (name !== null && (await readStudentImage(docker, name)) !== null) return name;
    const base = await ensureBaseImage(this.#baseOptions(progress, signal));
    const built = await this.#build(entries, base, progress, signal);
    await pruneImages(this.#deps, built);
    progress.done('image', 'Student image built');
    return built;
  }

  /** Builds the image on a new base. The old base stays in use until both are complete. Throws `image`. */
  async update(progress: Progress, signal: AbortSignal): Promise<StudentImage> {
    const { docker, source } = this.#deps;
    const { entries } = await this.#inputs();
    const base = await makeBaseImage(this.#baseOptions(progress, signal));
    let name: string;
    try {
      name = await this.#build(entries, base, progress, signal);
    } catch (error) {
      await discardBase(docker, base);
      throw error;
    }
    await adoptBase(docker, base, source.base);
    await pruneImages(this.#deps, name);
    progress.done('image', 'Student image updated');
    return { name, base: base.origin, builtAt: new Date(base.createdAt).toISOString() };
  }

  async #inputs(): Promise<{ entries: readonly ContextEntry[]; name: string | null }> {
    const { docker, settings, source } = this.#deps;
    const entries = await source.readContext();
    const base = await findBaseImage({ docker, choice: settings.base, source: source.base });
    if (base !== null) return { entries, name: this.#nameOf(entries, base) };
    // `docker image prune -a` removes a base but not the student image that environments use.
    const label = `${INPUTS_LABEL}=${contextHash(entries, settings.base)}`;
    const images = await docker.listImages({ filters: { label: [label] } });
    const newest = images.sort((a, b) => b.Created - a.Created)[0];
    return {
      entries,
      name: newest?.RepoTags?.find((tag) => tag.startsWith(`${source.repository}:`)) ?? null,
    };
  }

  #baseOptions(progress: Progress, signal: AbortSignal) {
    const { docker, clock, settings, source } = this.#deps;
    const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
    return { docker, clock, choice: settings.base, progress, signal, mayInstall, source: source.base };
  }

  async #build(
    entries: readonly ContextEntry[],
    base: BaseImage,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<string> {
    const { docker, settings } = this.#deps;
    const name = this.#nameOf(entries, base);
    const output: string[] = [];
    const options = {
      t: name,
      buildargs: { BASE: base.name },
      labels: {
        'devenv.image': 'student',
        [INPUTS_LABEL]: contextHash(entries, settings.base),
        [BASE_LABEL]: base.origin,
        [BASE_MADE_LABEL]: new Date(base.createdAt).toISOString(),
      },
      abortSignal: signal,
    };
    const failure = await runBuild(docker, packContext(entries), options, (report) => {
      if (report.stream) output.push(report.stream);
      const text = progressText(report);
      if (text !== null) progress.step('image', text);
    });
    if (failure === null) return name;
    if (isDiskFull(failure)) throw diskFullError('build the student image');
    const log = join(settings.stateDir, 'image-build.log');
    writeFileSync(log, output.join(''));
    throw new DevenvError({
      code: 'image',
      what: `The student image could not be built: ${failure}`,
      next: `Fix what ${log} shows, then run the command again.`,
    });
  }

  #nameOf(entries: readonly ContextEntry[], base: BaseImage): string {
    return `${this.#deps.source.repository}:${contextHash(entries, base.id)}`;
  }
}
