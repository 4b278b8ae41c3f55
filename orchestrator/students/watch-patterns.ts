/** The commands that announce a student's dev server: the class's, and the student's own. */
import type { Settings } from '../settings-schema.ts';

/** `watchFor` holds `NAME=PATTERN`; the settings' schema has checked the form. */
export function watchedBy(
  student: string,
  { watch, watchFor }: Pick<Settings, 'watch' | 'watchFor'>,
): string[] {
  const own = watchFor
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const)
    .filter(([name]) => name === student);
  return [...watch, ...own.map(([, pattern]) => pattern.trim())];
}
