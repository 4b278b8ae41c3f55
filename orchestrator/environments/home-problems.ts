/** What people read about a home that cannot be used. */
import { DevenvError } from '../errors.ts';
import { type HomeImage, HomeImageError } from './home-image.ts';

/** The error for a home that was deleted without devenv. `volume`: its Docker volume. */
export const missingHome = (student: string, volume: string): DevenvError =>
  new DevenvError({
    code: 'environment',
    what: `${student}'s home is gone: the Docker volume ${volume} no longer exists, or is empty. Nothing was started.`,
    next: `Restore the volume from a backup and run the command again, or continue with an empty home: devenv start ${student} --new-home`,
  });

/** The error for a home with a limit that could not be attached or changed. Returns other errors unchanged. */
export function explainHomeError(error: unknown, student: string, { volume, loop }: HomeImage): unknown {
  if (!(error instanceof HomeImageError)) return error;
  const { kind, message } = error;
  const problem = (what: string, next: string) =>
    new DevenvError({ code: 'environment', what, next }, { cause: error });
  switch (kind) {
    case 'missing':
      return missingHome(student, volume);
    case 'in-use':
      return problem(
        `${student}'s home can't be mounted: another program has attached /dev/loop${loop}.`,
        `Find its file with \`losetup /dev/loop${loop}\`, end that program, and run the command again.`,
      );
    case 'damaged':
      return problem(
        `The file system of ${student}'s home is damaged (${message}). Nothing was started.`,
        `As root: e2fsck -f /dev/loop${loop}. Then run the command again.`,
      );
    case 'too-large':
      return problem(
        `${student}'s home gets its new limit at the next start: it is about twice the first one or more.`,
        `Run: devenv restart ${student}`,
      );
    case 'other':
      return problem(
        `${student}'s home can't be mounted: ${message}`,
        'Check with `devenv doctor` that the disk of the homes is writable, then run the command again.',
      );
  }
}
