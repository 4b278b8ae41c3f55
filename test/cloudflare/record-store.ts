/** The zone's DNS records: rules between records, the quota, and transactions for batches. */
import { type DnsRecord, isProxiable, type RecordFields, readRecord } from './dns-record.ts';
import type { Plan } from './plans.ts';
import { alreadyExists, invalidRecord, noSuchRecord, quotaExceeded } from './refusals.ts';
import { hex, type Random } from './seeded-random.ts';

export interface RecordStoreOptions {
  zoneName: string;
  plan: Plan;
  random: Random;
  /** The current time, in ms since 1970. */
  now: () => number;
}

export class RecordStore {
  readonly #options: RecordStoreOptions;
  #byId = new Map<string, DnsRecord>();
  #byName = new Map<string, readonly DnsRecord[]>();

  constructor(options: RecordStoreOptions) {
    this.#options = options;
  }

  /** All records, the oldest first. */
  all(): DnsRecord[] {
    return [...this.#byId.values()];
  }

  /** The records with a name, which must be in lower case. */
  withName(name: string): readonly DnsRecord[] {
    return this.#byName.get(name) ?? [];
  }

  /** The record with an id. This and the other methods with an id throw a Refusal if there is no such record. */
  get(id: string): DnsRecord {
    const record = this.#byId.get(id);
    if (record === undefined) throw noSuchRecord();
    return record;
  }

  /** Creates the record that `body` describes (POST). */
  create(body: unknown): DnsRecord {
    const fields = readRecord(body, this.#options);
    this.#checkConflicts(fields, null);
    if (this.#byId.size >= this.#options.plan.maxRecords) throw quotaExceeded();
    const id = hex(this.#options.random, 32);
    const now = this.#timestamp();
    return this.#set({ ...this.#fullRecord(id, fields), created_on: now, modified_on: now });
  }

  /** Changes only the fields in `body` (PATCH). */
  patch(id: string, body: unknown): DnsRecord {
    const before = this.get(id);
    return this.#change(before, readRecord(body, { ...this.#options, before }));
  }

  /** Replaces all fields; those that `body` leaves out get their defaults (PUT). */
  replace(id: string, body: unknown): DnsRecord {
    return this.#change(this.get(id), readRecord(body, this.#options));
  }

  /** Removes the record and returns it. */
  remove(id: string): DnsRecord {
    const record = this.get(id);
    this.#byId.delete(id);
    this.#removeFromName(record);
    return record;
  }

  /** Runs `work`, and undoes all of its changes if it throws. */
  atomically<Result>(work: () => Result): Result {
    // Copies of the maps suffice, since records and lists of records are immutable.
    const before = { byId: new Map(this.#byId), byName: new Map(this.#byName) };
    try {
      return work();
    } catch (error) {
      this.#byId = before.byId;
      this.#byName = before.byName;
      throw error;
    }
  }

  #timestamp(): string {
    return new Date(this.#options.now()).toISOString();
  }

  #fullRecord(id: string, fields: RecordFields) {
    return { id, ...fields, proxiable: isProxiable(fields.type), meta: {} };
  }

  #change(before: DnsRecord, fields: RecordFields): DnsRecord {
    // Not verified for the API, but the dashboard does not offer it either.
    if (fields.type !== before.type) {
      throw invalidRecord(1004, 'DNS Validation Error: the type of a record cannot be changed.');
    }
    this.#checkConflicts(fields, before.id);
    const now = this.#timestamp();
    const after: DnsRecord = {
      ...this.#fullRecord(before.id, fields),
      created_on: before.created_on,
      modified_on: now,
      ...(fields.comment !== before.comment && { comment_modified_on: now }),
    };
    if (after.name !== before.name) this.#removeFromName(before);
    return this.#set(after);
  }

  /** A CNAME must be the only record of its name. Other records can share a name but must differ. */
  #checkConflicts(fields: RecordFields, ownId: string | null): void {
    for (const other of this.withName(fields.name)) {
      if (other.id === ownId) continue;
      const hasCname = fields.type === 'CNAME' || other.type === 'CNAME';
      const isSame = fields.type === other.type && fields.content === other.content;
      if (hasCname || isSame) throw alreadyExists(this.#options.random);
    }
  }

  #set(record: DnsRecord): DnsRecord {
    this.#byId.set(record.id, record);
    this.#byName.set(record.name, [...this.#othersNamed(record), record]);
    return record;
  }

  #removeFromName(record: DnsRecord): void {
    const others = this.#othersNamed(record);
    if (others.length > 0) this.#byName.set(record.name, others);
    else this.#byName.delete(record.name);
  }

  #othersNamed(record: DnsRecord): DnsRecord[] {
    return this.withName(record.name).filter(({ id }) => id !== record.id);
  }
}
