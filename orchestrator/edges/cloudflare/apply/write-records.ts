/**
 * Writes changes to the zone's records: as few transactions as possible, and however one of them ends, it is known
 * afterwards which records exist. A call whose outcome is unknown is read back before anything else is done.
 */
import type { CloudflareApi, DnsRecord } from '../api/client.ts';
import { type ApiFailure, failureOf } from '../api/failures.ts';
import { hasOwnedRecord } from '../plan/ownership.ts';
import {
  batchOf,
  type InstallationNames,
  planRecords,
  type RecordChange,
  type RecordConflict,
  withChanges,
} from '../plan/records.ts';
import { bisect } from './bisect.ts';
import { type Outcomes, recordConflict } from './outcomes.ts';

/** Operations in one transaction: a Free zone's limit (paid ones take 3,500). */
const MAX_BATCH_OPERATIONS = 200;

export interface RecordWriterOptions {
  api: CloudflareApi;
  names: InstallationNames;
  outcomes: Outcomes;
  /** The zone as we know it; replaced by what is known after each step. */
  records: readonly DnsRecord[];
}

export class RecordWriter {
  readonly #options: RecordWriterOptions;
  #records: readonly DnsRecord[];
  #quotaFailure: ApiFailure | null = null;
  /** Hostnames that got their record here. */
  readonly created = new Set<string>();

  constructor(options: RecordWriterOptions) {
    this.#options = options;
    this.#records = options.records;
  }

  get records(): readonly DnsRecord[] {
    return this.#records;
  }

  /** Whether the zone had no room for a record. */
  get wasFull(): boolean {
    return this.#quotaFailure !== null;
  }

  /** Sends all changes. Failures are in the outcomes. Throws an `ApiFailure` where the zone can't be read. */
  async write(changes: readonly RecordChange[]): Promise<void> {
    for (let from = 0; from < changes.length; ) {
      let to = from;
      for (let size = 0; to < changes.length; to += 1) {
        const { deletes, patches, posts } = batchOf(changes.slice(to, to + 1), this.#options.names);
        size += deletes.length + patches.length + posts.length;
        if (size > MAX_BATCH_OPERATIONS && to > from) break;
      }
      await this.#writeBatch(changes.slice(from, to));
      from = to;
    }
  }

  /** One transaction, or where that fails as few as it takes to isolate the failing change. */
  #writeBatch(changes: readonly RecordChange[]): Promise<void> {
    return bisect(changes, (part, isAlone) => this.#attempt(part, isAlone));
  }

  /** Resolves to false where the halves have to be tried apart. */
  async #attempt(changes: readonly RecordChange[], isAlone: boolean): Promise<boolean> {
    const full = this.#quotaFailure;
    // Once a single record has found the zone full, no other one is tried.
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
        return this.#fail(await this.#readBack(changes), failure);
      case 'conflict':
      case 'gone': {
        // The answer does not name the change, but the records show which it was.
        const rest = await this.#readBack(changes);
        if (rest.length === changes.length) return isAlone && this.#fail(rest, failure);
        await this.#writeBatch(rest);
        return true;
      }
      case 'quota':
      case 'invalid':
        if (isAlone && failure.kind === 'quota') this.#quotaFailure = failure;
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
      const written = await api.batch(batchOf(changes, names));
      this.#records = withChanges(this.#records, changes, written);
      for (const change of changes) if (change.kind === 'create') this.created.add(change.route.hostname);
      return null;
    } catch (error) {
      return failureOf(error);
    }
  }

  /**
   * Reads the zone; where a change of ours is missing, again once it can't arrive any more. Returns the changes that are
   * still to be done; conflicts go to the outcomes.
   */
  async #readBack(changes: readonly RecordChange[]): Promise<RecordChange[]> {
    const { api, names, outcomes } = this.#options;
    this.#records = await api.records();
    let { rest, conflicts } = this.#compare(changes);
    if (rest.length + conflicts.length === 0 && this.#isSurelyOurs(changes)) api.confirmWritten();
    if (!api.isQuiet) {
      await api.quiet();
      this.#records = await api.records();
      ({ rest, conflicts } = this.#compare(changes));
    }
    for (const { route, records } of conflicts) outcomes.conflict(route, recordConflict(route, records));
    for (const { kind, route } of changes)
      if (kind === 'create' && hasOwnedRecord(this.#records, route.hostname, names.instance))
        this.created.add(route.hostname);
    return rest;
  }

  /**
   * Whether changes that are found done were done by us: a new record with our owner tag proves the whole transaction.
   * What was changed or removed may be another writer's doing, and our call may still arrive.
   */
  #isSurelyOurs(changes: readonly RecordChange[]): boolean {
    return batchOf(changes, this.#options.names).posts.length > 0;
  }

  /** The changes that are still to be done, and those that another owner's record blocks. */
  #compare(changes: readonly RecordChange[]): { rest: RecordChange[]; conflicts: RecordConflict[] } {
    const { names } = this.#options;
    const removals = changes.filter((change) => change.kind === 'remove');
    const others = changes.filter((change) => change.kind !== 'remove');
    const needed = others.map(({ route, kind }) => ({ ...route, adopt: kind === 'adopt' }));
    const plan = planRecords(this.#records, needed, names);
    const present = new Set(this.#records.map(({ id }) => id));
    const rest = [...plan.changes, ...removals.filter(({ record }) => present.has(record.id))];
    return { rest, conflicts: plan.conflicts };
  }
}
