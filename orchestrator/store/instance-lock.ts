/**
 * One daemon per state folder. The lock is the kernel's, held on a small database of its own by an open exclusive
 * transaction: it is gone with its holder, however that ends, so a crashed daemon never blocks the next.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DevenvError } from '../errors.ts';

export interface InstanceLock {
  release(): void;
}

/** Kept here, so that a caller who drops the lock object does not drop the lock with it. */
const held = new Set<DatabaseSync>();

function holder(path: string): string {
  try {
    return `process ${readFileSync(path, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}

/** Takes the lock, or throws `busy` with the holder's pid. Does not wait. */
export function acquireInstanceLock(stateDir: string): InstanceLock {
  const path = join(stateDir, 'lock');
  const pidPath = join(stateDir, 'daemon.pid');
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    throw new DevenvError(
      {
        code: 'busy',
        what: `An orchestrator runs already for ${stateDir} (${holder(pidPath)}).`,
        next: 'Use that one, or end it with `devenv down`; another installation needs another DEVENV_STATE_DIR.',
      },
      { cause: error },
    );
  }
  writeFileSync(pidPath, `${process.pid}\n`);
  held.add(db);
  return {
    release() {
      held.delete(db);
      db.close();
    },
  };
}
