/**
 * A store that survives a full disk. What can't be written stays in memory, in order, and is retried; the daemon goes on.
 * Only two writes must be on disk before the caller goes on, and throw: a new student's row and a journal entry.
 */
import { backoff } from '../backoff.ts';
import type { Clock, Timer } from '../clock.ts';
import { DevenvError, type Problem, TELL_INSTRUCTOR } from '../errors.ts';
import type { Log } from '../log.ts';
import { isDiskFailure } from './disk-failures.ts';
import { ensureReserve, freeBytes, releaseReserve } from './reserve.ts';
import type { Store, StudentPatch, StudentRow } from './types.ts';

/** A write that waits for the disk. Writes with the same key replace or complete one another. */
type PendingWrite =
  | { kind: 'update'; name: string; patch: StudentPatch }
  | { kind: 'rename'; hostnames: ReadonlyMap<string, string> }
  | { kind: 'remove'; name: string }
  | { kind: 'remember'; key: string; value: string }
  | { kind: 'remove-journal-entry'; id: string };

/** A new student needs a row, a folder, a socket and a key. */
const MIN_FREE_BYTES = 256 * 1024;

export interface ResilientStoreDeps {
  store: Store;
  /** The folder of the database, for the message. */
  stateDir: string;
  clock: Clock;
  log: Log;
}

export class ResilientStore implements Store {
  readonly #store: Store;
  readonly #stateDir: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #pending: PendingWrite[] = [];
  #failures = 0;
  #retryTimer: Timer | null = null;

  constructor({ store, stateDir, clock, log }: ResilientStoreDeps) {
    this.#store = store;
    this.#stateDir = stateDir;
    this.#clock = clock;
    this.#log = log;
    ensureReserve(stateDir);
  }

  problem(): Problem | null {
    return this.#failures === 0 && this.#hasRoom ? null : this.#diskFull();
  }

  /** False also where no write has failed yet. */
  get #hasRoom(): boolean {
    return freeBytes(this.#stateDir) >= MIN_FREE_BYTES;
  }

  #diskFull(): Problem {
    return {
      code: 'disk-full',
      what: `The disk of ${this.#stateDir} is full or failing, so the state can't be saved. Links and shells continue, and changes stay in memory.`,
      next: `Free some space: df -h ${this.#stateDir}. devenv then saves everything automatically.`,
      nextForStudent: TELL_INSTRUCTOR,
    };
  }

  #refusedStudent(name: string): Problem {
    return {
      code: 'disk-full',
      what: `${name} can't be created: the disk of ${this.#stateDir} is full or failing.`,
      next: `Free some space (df -h ${this.#stateDir}), then run the command again. Nothing was changed.`,
    };
  }

  /** Performs a write. False if the disk refuses it; throws any other error, which is a defect. */
  #try(write: () => void): boolean {
    try {
      write();
    } catch (error) {
      if (!isDiskFailure(error)) throw error;
      if (this.#failures === 0) this.#log.error({ err: error }, this.#diskFull().what);
      this.#failures += 1;
      this.#scheduleRetry();
      return false;
    }
    return true;
  }

  #scheduleRetry(): void {
    this.#retryTimer ??= this.#clock.setTimer(() => {
      this.#retryTimer = null;
      this.#retry();
    }, backoff(this.#failures));
  }

  /** Where nothing is pending, the free space says whether the next write can succeed. */
  #retry(): void {
    if (this.#pending.length > 0 || this.#hasRoom) this.#flush();
    else {
      this.#failures += 1;
      this.#scheduleRetry();
    }
  }

  /** Writes what is pending, oldest first. False if something is left. */
  #flush(): boolean {
    for (let [next] = this.#pending; next !== undefined; [next] = this.#pending) {
      const write = next;
      if (!this.#try(() => this.#write(write))) return false;
      this.#pending.shift();
    }
    if (this.#failures > 0) {
      this.#log.info('the state is saved again');
      ensureReserve(this.#stateDir);
    }
    this.#failures = 0;
    this.#retryTimer?.cancel();
    this.#retryTimer = null;
    return true;
  }

  #write(write: PendingWrite): void {
    switch (write.kind) {
      case 'update':
        return this.#store.update(write.name, write.patch);
      case 'rename':
        return this.#store.rename(write.hostnames);
      case 'remove':
        return this.#store.remove(write.name);
      case 'remember':
        return this.#store.remember(write.key, write.value);
      case 'remove-journal-entry':
        return this.#store.removeJournalEntry(write.id);
    }
  }

  /** Writes at once if nothing is pending, so that the order stays; the retry does the rest. */
  #enqueue(write: PendingWrite): void {
    const isFirst = this.#pending.length === 0;
    const last = this.#pending.at(-1);
    // A class that comes and goes while the disk is full must not fill the memory.
    if (write.kind === 'update' && last?.kind === 'update' && last.name === write.name)
      last.patch = { ...last.patch, ...write.patch };
    else this.#pending.push(write);
    if (isFirst) this.#flush();
    else this.#compact();
  }

  /** Merges each student's patches, and keeps one value per key: at most a few writes per student stay pending. */
  #compact(): void {
    const compacted: PendingWrite[] = [];
    for (const write of this.#pending) {
      const same = compacted.find(
        (each) =>
          (each.kind === 'update' && write.kind === 'update' && each.name === write.name) ||
          (each.kind === 'remember' && write.kind === 'remember' && each.key === write.key) ||
          (each.kind === 'remove-journal-entry' &&
            write.kind === 'remove-journal-entry' &&
            each.id === write.id),
      );
      if (same?.kind === 'update' && write.kind === 'update') same.patch = { ...same.patch, ...write.patch };
      else if (same?.kind === 'remember' && write.kind === 'remember') same.value = write.value;
      else if (same === undefined) compacted.push({ ...write });
    }
    this.#pending = compacted;
  }

  /** A write that must be on disk now. Throws `refusal`, with the code `disk-full`. */
  #writeNow(write: () => void, refusal: Problem): void {
    if (!this.#flush() || !this.#try(write)) throw new DevenvError(refusal);
  }

  requireRoomFor(student: string): void {
    if (!this.#flush() || !this.#hasRoom) throw new DevenvError(this.#refusedStudent(student));
  }

  students(): StudentRow[] {
    return this.#store.students();
  }

  insert(row: StudentRow): void {
    this.#writeNow(() => this.#store.insert(row), this.#refusedStudent(row.name));
  }

  update(name: string, patch: StudentPatch): void {
    this.#enqueue({ kind: 'update', name, patch });
  }

  rename(hostnames: ReadonlyMap<string, string>): void {
    this.#enqueue({ kind: 'rename', hostnames });
  }

  remove(name: string): void {
    this.#enqueue({ kind: 'remove', name });
  }

  putJournalEntry(id: string, body: string): void {
    this.#writeNow(() => this.#store.putJournalEntry(id, body), this.#diskFull());
  }

  removeJournalEntry(id: string): void {
    this.#enqueue({ kind: 'remove-journal-entry', id });
  }

  journalEntries(): { id: string; body: string }[] {
    const isRemoved = (id: string) =>
      this.#pending.some((write) => write.kind === 'remove-journal-entry' && write.id === id);
    return this.#store.journalEntries().filter(({ id }) => !isRemoved(id));
  }

  remember(key: string, value: string): void {
    this.#enqueue({ kind: 'remember', key, value });
  }

  recall(key: string): string | null {
    const pending = this.#pending.findLast((write) => write.kind === 'remember' && write.key === key);
    return pending?.kind === 'remember' ? pending.value : this.#store.recall(key);
  }

  close(): void {
    if (!this.#flush()) {
      releaseReserve(this.#stateDir);
      this.#flush();
    }
    this.#retryTimer?.cancel();
    if (this.#pending.length > 0)
      this.#log.error({ writes: this.#pending.length }, 'stopped before the state could be saved');
    this.#store.close();
  }
}
