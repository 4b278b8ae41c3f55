/** State on disk: one SQLite database. Rows are written before the container, record or rule that they describe. */
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { DevenvError, messageOf } from '../errors.ts';
import { isDiskFailure } from './disk-failures.ts';
import { migrations } from './schema.ts';
import type { Store, StudentPatch, StudentRow, StudentState } from './types.ts';

export { acquireInstanceLock } from './instance-lock.ts';
export { ResilientStore } from './resilient-store.ts';
export type { Store } from './types.ts';

/** A row as SQLite returns it. */
interface Columns {
  name: string;
  port: number;
  hostname: string;
  socket_id: string;
  created_at: string;
  state: string;
  should_run: number;
  route_memory: string | null;
  notice_memory: string | null;
  uid: number;
  relay_key: string | null;
}

function toRow(columns: Columns): StudentRow {
  return {
    name: columns.name,
    port: columns.port,
    hostname: columns.hostname,
    socketId: columns.socket_id,
    createdAt: columns.created_at,
    state: JSON.parse(columns.state) as StudentState,
    shouldRun: columns.should_run === 1,
    routeMemory: columns.route_memory,
    noticeMemory: columns.notice_memory,
    uid: columns.uid,
    relayKey: columns.relay_key,
  };
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Compiles each statement once. */
  #prepare(sql: string): StatementSync {
    const compiled = this.#statements.get(sql);
    if (compiled !== undefined) return compiled;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  problem(): null {
    return null;
  }

  requireRoomFor(): void {}

  students(): StudentRow[] {
    const rows = this.#prepare('SELECT * FROM students ORDER BY name').all() as unknown as Columns[];
    return rows.map(toRow);
  }

  insert(row: StudentRow): void {
    this.#prepare('INSERT INTO students VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      row.name,
      row.port,
      row.hostname,
      row.socketId,
      row.createdAt,
      JSON.stringify(row.state),
      row.shouldRun ? 1 : 0,
      row.routeMemory,
      row.noticeMemory,
      row.uid,
      row.relayKey,
    );
  }

  update(name: string, patch: StudentPatch): void {
    const columns = {
      state: patch.state && JSON.stringify(patch.state),
      should_run: patch.shouldRun === undefined ? undefined : patch.shouldRun ? 1 : 0,
      route_memory: patch.routeMemory,
      notice_memory: patch.noticeMemory,
      uid: patch.uid,
      relay_key: patch.relayKey,
    };
    const changed = Object.entries(columns).filter(
      (entry): entry is [string, string | number | null] => entry[1] !== undefined,
    );
    if (changed.length === 0) return;
    const assignments = changed.map(([column]) => `${column} = ?`).join(', ');
    const values = changed.map(([, value]) => value);
    const write = () =>
      this.#prepare(`UPDATE students SET ${assignments} WHERE name = ?`).run(...values, name);
    const { state, shouldRun, uid, relayKey } = patch;
    const isSessionData = [state, shouldRun, uid, relayKey].every((value) => value === undefined);
    if (isSessionData) this.#withoutSync(write);
    else write();
  }

  rename(hostnames: ReadonlyMap<string, string>): void {
    const write = this.#prepare('UPDATE students SET hostname = ? WHERE name = ?');
    this.#db.exec('BEGIN');
    try {
      // Hostnames are unique, so first give everyone a temporary one. No real hostname contains a space.
      for (const name of hostnames.keys()) write.run(` ${name}`, name);
      for (const [name, hostname] of hostnames) write.run(hostname, name);
      this.#db.exec('COMMIT');
    } catch (error) {
      // SQLite has done this itself after some errors, such as a full disk.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Writes without waiting for the disk: the write survives a kill of this process, but maybe not a power loss. Used for
   * data of sessions, which a power loss ends anyway. Waiting takes 2 to 5 ms, and 200 students would queue.
   */
  #withoutSync(write: () => void): void {
    this.#db.exec('PRAGMA synchronous = NORMAL');
    try {
      write();
    } finally {
      this.#db.exec('PRAGMA synchronous = FULL');
    }
  }

  remove(name: string): void {
    this.#prepare('DELETE FROM students WHERE name = ?').run(name);
  }

  putJournalEntry(id: string, body: string): void {
    this.#prepare('INSERT OR REPLACE INTO journal VALUES (?, ?)').run(id, body);
  }

  removeJournalEntry(id: string): void {
    this.#withoutSync(() => this.#prepare('DELETE FROM journal WHERE id = ?').run(id));
  }

  journalEntries(): { id: string; body: string }[] {
    return this.#prepare('SELECT id, body FROM journal').all() as unknown as {
      id: string;
      body: string;
    }[];
  }

  remember(key: string, value: string): void {
    this.#prepare('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(key, value);
  }

  recall(key: string): string | null {
    const found = this.#prepare('SELECT value FROM facts WHERE key = ?').get(key) as
      | { value: string }
      | undefined;
    return found?.value ?? null;
  }

  close(): void {
    this.#db.close();
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > migrations.length) {
    throw new DevenvError({
      code: 'bad-settings',
      what: `${path} was written by a newer devenv (format ${version}; this devenv reads up to ${migrations.length}).`,
      next: 'Run the newer devenv, or set DEVENV_STATE_DIR to another folder. Nothing was changed.',
    });
  }
  for (let next = version; next < migrations.length; next += 1) {
    db.exec(`BEGIN; ${migrations[next]} PRAGMA user_version = ${next + 1}; COMMIT`);
  }
}

/** Opens and migrates. Closes the database again where that fails. */
function openDatabase(path: string, locking: 'NORMAL' | 'EXCLUSIVE'): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    chmodSync(path, 0o600);
    // FULL: a row is on disk before the container that it describes is created.
    db.exec(`PRAGMA locking_mode = ${locking}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
    migrate(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens it also on a full disk: with exclusive locks, SQLite needs no `-shm` file and so no space to read. */
function openOnAnyDisk(path: string): DatabaseSync {
  try {
    return openDatabase(path, 'NORMAL');
  } catch (error) {
    if (!isDiskFailure(error)) throw error;
    return openDatabase(path, 'EXCLUSIVE');
  }
}

/**
 * Opens the database; creates or migrates it first where needed. Throws `bad-settings` for a database that is damaged
 * or newer than this program, and leaves it unchanged; `disk-full` where it has to be created or migrated and the disk has no room.
 */
export function openStore(path: string): Store {
  try {
    return new SqliteStore(openOnAnyDisk(path));
  } catch (error) {
    if (error instanceof DevenvError) throw error;
    const reason = messageOf(error);
    if (isDiskFailure(error)) {
      throw new DevenvError(
        {
          code: 'disk-full',
          what: `The state in ${path} can't be opened for writing: ${reason}.`,
          next: `Free some space on that disk (df -h ${dirname(path)}), then run: devenv up. Nothing was changed.`,
        },
        { cause: error },
      );
    }
    throw new DevenvError(
      {
        code: 'bad-settings',
        what: `The state in ${path} cannot be read: ${reason}.`,
        next: 'Restore a backup, or move the file away to start without students (containers and homes stay in Docker).',
      },
      { cause: error },
    );
  }
}
