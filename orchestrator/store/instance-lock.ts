/**
 * One daemon per state folder. The lock is an open exclusive transaction on a separate small database, so a file lock of
 * the kernel: it ends with its process, and a crashed daemon never blocks the next one.
 */
import { closeSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DevenvError, messageOf } from '../errors.ts';
import { openPrivateFile } from '../state-folder.ts';
import { isDiskFailure } from './disk-failures.ts';
import { fileLockOwners, type LockOwner } from './file-lock-owners.ts';

export interface InstanceLock {
  release(): void;
}

/** Keeps the databases from being garbage-collected, which would release the lock. */
const locked = new Set<DatabaseSync>();

/**
 * The locked database; an error where another process has a lock on it. Throws `disk-full` where the lock must be made
 * and there is no room for it.
 */
function lockFile(path: string): DatabaseSync | Error {
  // SQLite would create the file for every user, and a read lock of any of them would block this one.
  closeSync(openPrivateFile(path));
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // SQLite writes to an empty database even to lock it, which a full disk would refuse. So it gets one page before.
    if (statSync(path).size === 0) db.exec('PRAGMA user_version = 1');
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (isDiskFailure(error)) throw noRoom(path, error);
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

const noRoom = (path: string, cause: unknown) =>
  new DevenvError(
    {
      code: 'disk-full',
      what: `The orchestrator's lock ${path} can't be written: ${messageOf(cause)}.`,
      next: `Free some space on that disk (df -h ${dirname(path)}), then run: devenv up. Nothing was changed.`,
    },
    { cause },
  );

/** Whether a process may run a daemon for this folder: it has this user's uid, or is root. */
const mayBeDaemon = ({ uid }: LockOwner) => uid === null || uid === 0 || uid === process.getuid?.();

/** Puts a new file in the place of one that other users have locked: they had opened it while they still could. */
function replaceLockFile(path: string): void {
  const replacement = `${path}.new`;
  rmSync(replacement, { force: true });
  closeSync(openPrivateFile(replacement));
  renameSync(replacement, path);
}

function busy(stateDir: string, owners: readonly LockOwner[], cause: Error): DevenvError {
  const [owner] = owners;
  const process = owner === undefined ? 'another process' : `process ${owner.pid}`;
  return new DevenvError(
    {
      code: 'busy',
      what: `An orchestrator is already running for ${stateDir} (${process}).`,
      next: 'Use that one, or stop it with `devenv down`. A second installation needs its own DEVENV_STATE_DIR.',
    },
    { cause },
  );
}

/** For people: nothing reads it, so that a full disk is no reason not to start. */
function writePid(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    if (!isDiskFailure(error)) throw error;
  }
}

/** Acquires the lock without waiting. Throws `busy` with the pid of the process that has it. */
export function acquireInstanceLock(stateDir: string): InstanceLock {
  const path = join(stateDir, 'lock');
  let db = lockFile(path);
  if (db instanceof Error) {
    const owners = fileLockOwners(path);
    if (owners.length === 0 || owners.some(mayBeDaemon)) throw busy(stateDir, owners, db);
    replaceLockFile(path);
    db = lockFile(path);
    if (db instanceof Error) throw busy(stateDir, fileLockOwners(path), db);
  }
  const lock = db;
  writePid(join(stateDir, 'daemon.pid'));
  locked.add(lock);
  return {
    release() {
      locked.delete(lock);
      lock.close();
    },
  };
}
