/** What `devenv doctor` says of the student image's age. */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Diagnostic, StudentImage } from '../domain.ts';
import { readStudentImage } from './student-image.ts';
import type { ObservedEnvironment } from './types.ts';

/** Debian publishes security updates every few days; an older image has known holes. */
const MAX_IMAGE_AGE_DAYS = 30;
const DAY_MS = 24 * 60 * 60_000;

/** `built today`, `1 day old`, `40 days old`. */
const ageText = (days: number) => (days === 0 ? 'built today' : `${days} day${days === 1 ? '' : 's'} old`);

export interface ImageDiagnosticsDeps {
  docker: Docker;
  clock: Clock;
  /** Name of the image that the next start uses, built or not; null while there is no base for it. */
  currentImage(): Promise<string | null>;
}

const daysSince = (clock: Clock, { builtAt }: StudentImage) =>
  Math.max(0, Math.floor((clock.now() - Date.parse(builtAt)) / DAY_MS));

/** The environments whose next start gives them another image, and how old the oldest of their images is. */
async function findOutdated(
  { docker, clock }: ImageDiagnosticsDeps,
  current: string,
  environments: readonly ObservedEnvironment[],
): Promise<{ students: string[]; days: number }> {
  const outdated = environments.filter(({ image }) => image !== null && image !== current);
  // An image whose name was removed has no known age.
  const images = await Promise.all(
    [...new Set(outdated.map(({ image }) => image ?? ''))].map((name) => readStudentImage(docker, name)),
  );
  const ages = images.map((image) => (image === null ? 0 : daysSince(clock, image)));
  return { students: outdated.map(({ student }) => student).sort(), days: Math.max(0, ...ages) };
}

/** The image of the next start, its age in days and its base, and the environments that have an older one. */
export async function diagnoseImage(
  deps: ImageDiagnosticsDeps,
  environments: readonly ObservedEnvironment[],
): Promise<Omit<Diagnostic, 'subject'>> {
  const { docker, clock, currentImage } = deps;
  const name = await currentImage();
  const image = name === null ? null : await readStudentImage(docker, name);
  if (image === null)
    return { ok: true, found: 'not built yet; `devenv create` and `devenv start` build it', next: null };
  const outdated = await findOutdated(deps, image.name, environments);
  const days = daysSince(clock, image);
  const older = outdated.students.length === 0 ? '' : `. On an older image: ${outdated.students.join(', ')}`;
  const found = `${image.name}, ${ageText(days)}, base ${image.base}${older}`;
  if (days > MAX_IMAGE_AGE_DAYS) {
    const next = 'Install the security updates: devenv update. Environments get them at their next start.';
    return { ok: false, found, next };
  }
  if (outdated.days > MAX_IMAGE_AGE_DAYS) {
    const next = `Between classes, since it ends terminals, for each of them: devenv restart NAME`;
    return { ok: false, found: `${found} (${ageText(outdated.days)})`, next };
  }
  return { ok: true, found, next: null };
}
