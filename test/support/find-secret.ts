/** Looks for a secret where none may be: files of an installation, its containers, every process' arguments. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    const stats = statSync(path);
    if (stats.isDirectory()) yield* filesBelow(path);
    else if (stats.isFile()) yield path;
  }
}

/** A process may end while it is looked at. */
function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Where it was found; every place that was to be searched has been, or this throws. */
export async function findSecret(
  secret: string,
  { folder, instance }: { folder: string; instance: string },
): Promise<string[]> {
  const found = [...filesBelow(folder)].filter((path) => readFileSync(path).includes(secret));
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (argumentsOf(pid).includes(secret)) found.push(`arguments of process ${pid}`);
  const ids = execFileSync('docker', ['ps', '--all', '--quiet', '--filter', `name=${instance}`], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((id) => id !== '');
  if (ids.length === 0) throw new Error(`no container of ${instance} to look into`);
  for (const id of ids) {
    if (execFileSync('docker', ['inspect', id], { encoding: 'utf8' }).includes(secret))
      found.push(`docker inspect ${id}`);
    if (
      execFileSync('docker', ['logs', id], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).includes(
        secret,
      )
    )
      found.push(`docker logs ${id}`);
  }
  return found;
}
