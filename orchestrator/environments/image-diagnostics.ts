/** What `devenv doctor` says of the student image's age. */
import type Docker from 'dockerode';
import type { Clock } from '../clock.ts';
import type { Diagnostic } from '../domain.ts';
import { readStudentImage } from './student-image.ts';

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

/** The image of the next start, its age in days and its base. */
export async function diagnoseImage({
  docker,
  clock,
  currentImage,
}: ImageDiagnosticsDeps): Promise<Omit<Diagnostic, 'subject'>> {
  const name = await currentImage();
  const image = name === null ? null : await readStudentImage(docker, name);
  if (image === null)
    return { ok: true, found: 'not built yet; `devenv create` and `devenv start` build it', next: null };
  const days = Math.max(0, Math.floor((clock.now() - Date.parse(image.builtAt)) / DAY_MS));
  const found = `${image.name}, ${ageText(days)}, base ${image.base}`;
  if (days <= MAX_IMAGE_AGE_DAYS) return { ok: true, found, next: null };
  const next = 'Install the security updates: devenv update. Environments get them at their next start.';
  return { ok: false, found, next };
}
