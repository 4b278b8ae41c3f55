/** Identifies the code of the edge process, so that a daemon notices one that an earlier version of devenv has started. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders with the process's code. */
const FOLDERS = ['.', '../../proxy', '../../protocol'].map((folder) => join(import.meta.dirname, folder));

/** The same until a file of the code, or Node, changes. */
export function edgeBuildId(): string {
  const hash = createHash('sha256').update(process.version);
  for (const folder of FOLDERS)
    for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}
