/** The state on disk: one SQLite database, written through before anything is done in the world. */
import { chmodSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { DevenvError, messageOf } from '../errors.ts';
import { migrations } from './schema.ts';
import type { Store, StudentLife, StudentPatch, StudentRow } from './types.ts';

export { acquireInstanceLock } from './instance-lock.ts';
export type { Store } from './types.ts';

/** Columns of a row as SQLite gives them. */
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
}

function toRow(columns: Columns): StudentRow {
  return {
    name: columns.name,
    port: columns.port,
    hostname: columns.hostname,
    socketId: columns.socket_id,
    createdAt: columns.created_at,
    state: JSON.parse(columns.state) as StudentLife,
    shouldRun: columns.should_run === 1,
    routeMemory: columns.route_memory,
    noticeMemory: columns.notice_memory,
  };
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Each text is compiled once. */
  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  students(): StudentRow[] {
    const rows = this.#prepare('SELECT * FROM students ORDER BY name').all() as unknown as Columns[];
    return rows.map(toRow);
  }

  insert(row: StudentRow): void {
    this.#prepare('INSERT INTO students VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      row.name,
      row.port,
      row.hostname,
      row.socketId,
      row.createdAt,
      JSON.stringify(row.state),
      row.shouldRun ? 1 : 0,
      row.routeMemory,
      row.noticeMemory,
    );
  }

  update(name: string, patch: StudentPatch): void {
    const columns = {
      state: patch.state && JSON.stringify(patch.state),
      should_run: patch.shouldRun === undefined ? undefined : patch.shouldRun ? 1 : 0,
      route_memory: patch.routeMemory,
      notice_memory: patch.noticeMemory,
    };
    const changed = Object.entries(columns).filter(
      (entry): entry is [string, string | number | null] => entry[1] !== undefined,
    );
    if (changed.length === 0) return;
    const assignments = changed.map(([column]) => `${column} = ?`).join(', ');
    const values = changed.map(([, value]) => value);
    const write = () =>
      this.#prepare(`UPDATE students SET ${assignments} WHERE name = ?`).run(...values, name);
    const isOfSessions = patch.state === undefined && patch.shouldRun === undefined;
    if (isOfSessions) this.#withoutSync(write);
    else write();
  }

  rename(hostnames: ReadonlyMap<string, string>): void {
    const write = this.#prepare('UPDATE students SET hostname = ? WHERE name = ?');
    this.#db.exec('BEGIN');
    try {
      // No hostname holds a blank: out of each other's way first.
      for (const name of hostnames.keys()) write.run(` ${name}`, name);
      for (const [name, hostname] of hostnames) write.run(hostname, name);
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Writes what survives a kill of this process, but not a loss of power in the next moment: for what goes with the
   * host's power anyway. To wait for the disk takes 2 to 5 ms, and a class of 200 would wait for each other's.
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
    this.#prepare('INSERT OR REPLACE INTO intents VALUES (?, ?)').run(id, body);
  }

  removeJournalEntry(id: string): void {
    this.#withoutSync(() => this.#prepare('DELETE FROM intents WHERE id = ?').run(id));
  }

  journalEntries(): { id: string; body: string }[] {
    return this.#prepare('SELECT id, body FROM intents').all() as unknown as {
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
      what: `${path} was written by a newer devenv (version ${version}, this one knows ${migrations.length}).`,
      next: 'Run the newer devenv, or set DEVENV_STATE_DIR to another folder. Nothing was changed.',
    });
  }
  for (let next = version; next < migrations.length; next += 1) {
    db.exec(`BEGIN; ${migrations[next]} PRAGMA user_version = ${next + 1}; COMMIT`);
  }
}

/**
 * Opens the database, made or brought up to date where needed. Throws `bad-settings` for one that is damaged or
 * newer than this program; it is then left as it was.
 */
export function openStore(path: string): Store {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path);
    chmodSync(path, 0o600);
    // FULL: a row is on disk before the container it speaks of is made.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    migrate(db, path);
    return new SqliteStore(db);
  } catch (error) {
    db?.close();
    if (error instanceof DevenvError) throw error;
    const reason = messageOf(error);
    throw new DevenvError(
      {
        code: 'bad-settings',
        what: `The state in ${path} cannot be read: ${reason}.`,
        next: 'Put back a copy of it, or move it away to begin anew (environments and homes stay in Docker).',
      },
      { cause: error },
    );
  }
}
