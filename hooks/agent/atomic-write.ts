/** Writing what others read, or what the next agent finds. */
import { renameSync, writeFileSync } from 'node:fs';

/** In whole: nobody reads half of it, and an agent that is killed leaves none. Throws where it can't be written. */
export function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
