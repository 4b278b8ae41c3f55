/** Writes files that other processes read, or from which the next agent starts. */
import { renameSync, writeFileSync } from 'node:fs';

/** Replaces the file as a whole: no reader sees half of it, and an agent that is killed leaves none. Throws if it can't be written. */
export function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
