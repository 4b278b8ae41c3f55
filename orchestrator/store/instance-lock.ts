/**
 * One daemon per state folder. The lock is an open exclusive transaction on a separate small database, so a file lock of
 * the kernel: it ends with its process, and a crashed daemon never blocks the next one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DevenvError } from '../errors.ts';

export interface InstanceLock {
  release(): void;
}

/** Keeps the databases from being garbage-collected, which would release the lock. */
const locked = new Set<DatabaseSync>();

function lockOwner(path: string): string {
  try {
    return `process ${readFileSync(path, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}

/** Acquires the lock without waiting. Throws `busy` with the pid of the process that has it. */
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
        what: `An orchestrator is already running for ${stateDir} (${lockOwner(pidPath)}).`,
        next: 'Use that one, or stop it with `devenv down`. A second installation needs its own DEVENV_STATE_DIR.',
      },
      { cause: error },
    );
  }
  writeFileSync(pidPath, `${process.pid}\n`);
  locked.add(db);
  return {
    release() {
      locked.delete(db);
      db.close();
    },
  };
}
