/** Searches for a secret where it must not be: an installation's files and containers, and all processes' arguments. */
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

/** Empty if the process ended in the meantime. */
function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The places that contain the secret. Throws if a place could not be searched. */
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
  if (ids.length === 0) throw new Error(`${instance} has no container to search`);
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
