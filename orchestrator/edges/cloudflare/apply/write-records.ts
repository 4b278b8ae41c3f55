/**
 * Writes changes to the zone's records: as few transactions as possible, and whatever happens to one of them, it is
 * known afterwards what stands. A call whose outcome is unknown is read back before anything else is done.
 */
import type { CloudflareApi, DnsRecord } from '../api/client.ts';
import { type ApiFailure, failureOf } from '../api/failures.ts';
import {
  batchOf,
  ownRecord,
  planRecords,
  type RecordChange,
  type RecordConflict,
  withChanges,
} from '../plan/records.ts';
import { bisect } from './bisect.ts';
import { type Outcomes, recordConflict } from './outcomes.ts';

/** Operations in one transaction: a Free zone's limit (paid ones take 3,500). */
const BATCH = 200;

export interface RecordWriterOptions {
  api: CloudflareApi;
  names: { instance: string; tunnelId: string };
  outcomes: Outcomes;
  /** The zone as we know it; replaced by what is known after each step. */
  records: DnsRecord[];
}

export class RecordWriter {
  readonly #options: RecordWriterOptions;
  #records: DnsRecord[];
  #isFull: ApiFailure | null = null;
  /** Hostnames that got their record here. */
  readonly made = new Set<string>();

  constructor(options: RecordWriterOptions) {
    this.#options = options;
    this.#records = options.records;
  }

  get records(): DnsRecord[] {
    return this.#records;
  }

  /** Whether the zone had no room for somebody. */
  get wasFull(): boolean {
    return this.#isFull !== null;
  }

  /** Sends them all. What could not be done is in the outcomes. Throws an `ApiFailure` where the zone can't be read. */
  async write(changes: readonly RecordChange[]): Promise<void> {
    for (let from = 0; from < changes.length; ) {
      let to = from;
      for (let size = 0; to < changes.length; to += 1) {
        const { deletes, patches, posts } = batchOf(changes.slice(to, to + 1), this.#options.names);
        size += deletes.length + patches.length + posts.length;
        if (size > BATCH && to > from) break;
      }
      await this.#writeBatch(changes.slice(from, to));
      from = to;
    }
  }

  /** One transaction, or where that fails as few as it takes until the culprit stands alone. */
  #writeBatch(changes: readonly RecordChange[]): Promise<void> {
    return bisect(changes, (part, isAlone) => this.#attempt(part, isAlone));
  }

  /** Resolves to false where the halves have to be tried by themselves. */
  async #attempt(changes: readonly RecordChange[], isAlone: boolean): Promise<boolean> {
    const full = this.#isFull;
    // Once a single record has found the zone full, no further one is tried.
    if (full !== null && changes.every(({ kind }) => kind === 'create')) return this.#fail(changes, full);
    const failure = await this.#send(changes);
    switch (failure?.kind) {
      case undefined:
        return true;
      case 'aborted':
        throw failure;
      case 'forbidden':
      case 'rate-limited':
        return this.#fail(changes, failure);
      case 'unknown':
        return this.#fail(await this.#lookAgain(changes), failure);
      case 'conflict':
      case 'gone': {
        // Which one it was is not said, but can be seen.
        const rest = await this.#lookAgain(changes);
        if (rest.length === changes.length) return isAlone && this.#fail(rest, failure);
        await this.#writeBatch(rest);
        return true;
      }
      case 'quota':
      case 'invalid':
        if (isAlone && failure.kind === 'quota') this.#isFull = failure;
        return isAlone && this.#fail(changes, failure);
    }
  }

  #fail(changes: readonly RecordChange[], failure: ApiFailure): true {
    for (const { route } of changes) this.#options.outcomes.fail(route, failure, 'the DNS record');
    return true;
  }

  /** One transaction; resolves to why it failed. */
  async #send(changes: readonly RecordChange[]): Promise<ApiFailure | null> {
    if (changes.length === 0) return null;
    const { api, names } = this.#options;
    try {
      const made = await api.batch(batchOf(changes, names));
      this.#records = withChanges(this.#records, changes, made);
      for (const change of changes) if (change.kind === 'create') this.made.add(change.route.hostname);
      return null;
    } catch (error) {
      return failureOf(error);
    }
  }

  /**
   * Reads the zone, where a change of ours is missing once it can't arrive any more, and returns what is still to be
   * done. Who turns out to clash is told.
   */
  async #lookAgain(changes: readonly RecordChange[]): Promise<RecordChange[]> {
    const { api, names, outcomes } = this.#options;
    this.#records = await api.records();
    let { rest, conflicts } = this.#compare(changes);
    if (rest.length + conflicts.length === 0 && this.#isSurelyOurs(changes)) api.settle();
    if (!api.isQuiet) {
      await api.quiet();
      this.#records = await api.records();
      ({ rest, conflicts } = this.#compare(changes));
    }
    for (const { route, records } of conflicts) outcomes.conflict(route, recordConflict(route, records));
    for (const { kind, route } of changes)
      if (kind === 'create' && ownRecord(this.#records, route.hostname, names.instance))
        this.made.add(route.hostname);
    return rest;
  }

  /**
   * Whether changes that are found done were done by us: a new record with our mark proves the whole transaction. What
   * is changed or gone may be its owner's doing, and ours may still arrive.
   */
  #isSurelyOurs(changes: readonly RecordChange[]): boolean {
    return batchOf(changes, this.#options.names).posts.length > 0;
  }

  /** What of the changes is still to be done, and who can't have theirs. */
  #compare(changes: readonly RecordChange[]): { rest: RecordChange[]; conflicts: RecordConflict[] } {
    const { names } = this.#options;
    const removals = changes.filter((change) => change.kind === 'remove');
    const others = changes.filter((change) => change.kind !== 'remove');
    const wanted = others.map(({ route, kind }) => ({ ...route, adopt: kind === 'adopt' }));
    const plan = planRecords(this.#records, wanted, names);
    const standing = new Set(this.#records.map(({ id }) => id));
    const rest = [...plan.changes, ...removals.filter(({ record }) => standing.has(record.id))];
    return { rest, conflicts: plan.conflicts };
  }
}
