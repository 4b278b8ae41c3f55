/**
 * The npm packages of a fixture, installed once per lockfile and kept as a tar archive in the user's cache folder, so
 * that later runs only copy these hundreds of megabytes.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rename, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { $ } from './shell.ts';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'devenv-test-modules');

/** Archives that were unused for this long are removed, since lockfiles change and the cache would only grow. */
const KEEP_MS = 14 * 24 * 3_600_000;

async function removeUnused(): Promise<void> {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > KEEP_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** Installs in a temporary folder and renames at the end, so that a killed run leaves no partial archive. */
async function install(folder: string, tarball: string): Promise<void> {
  const scratch = mkdtempSync(join(cache, 'install-'));
  try {
    for (const file of ['package.json', 'package-lock.json'])
      copyFileSync(join(folder, file), join(scratch, file));
    const inScratch = $({ cwd: scratch });
    await inScratch`npm ci --no-audit --no-fund --prefer-offline`;
    await inScratch`tar -cf modules.tar node_modules`;
    await rename(join(scratch, 'modules.tar'), tarball);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const inFlight = new Map<string, Promise<string>>();

/** The path of the archive of `node_modules` for that folder's lockfile; creates it if there is none. */
export function preparedModules(folder: string): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const hash = createHash('sha256').update(process.version + process.arch);
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(folder, file)));
  const tarball = join(cache, `${hash.digest('hex').slice(0, 16)}.tar`);
  const prepare = async () => {
    if (!existsSync(tarball)) await install(folder, tarball);
    await utimes(tarball, new Date(), new Date());
    await removeUnused();
    return tarball;
  };
  const promise = inFlight.get(tarball) ?? prepare();
  inFlight.set(tarball, promise);
  return promise;
}
