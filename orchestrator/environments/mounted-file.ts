/** Files of the host that are mounted into environments one by one. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Writes a file that may be mounted in a running environment: in place, and only if it changes. True if it changed. */
export function writeMountedFile(path: string, content: string): boolean {
  // The environment would see an empty file for a moment.
  if (existsSync(path) && readFileSync(path, 'utf8') === content) return false;
  writeFileSync(path, content, { mode: 0o644 });
  chmodSync(path, 0o644);
  return true;
}
