/** The records of the zone: rules between records, the quota, and the transaction that a batch is. */
import { type DnsRecord, isProxiable, type RecordFields, readRecord } from './dns-record.ts';
import type { Plan } from './plans.ts';
import { alreadyExists, invalidRecord, noSuchRecord, quotaExceeded } from './refusals.ts';
import { hex, type Random } from './seeded-random.ts';

export interface RecordStoreOptions {
  zoneName: string;
  plan: Plan;
  random: Random;
  /** The time, in ms since 1970. */
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

  /** The records of one name, in lower case. */
  withName(name: string): readonly DnsRecord[] {
    return this.#byName.get(name) ?? [];
  }

  /** Refused where there is no such record, as everything here that takes an id. */
  get(id: string): DnsRecord {
    const record = this.#byId.get(id);
    if (record === undefined) throw noSuchRecord();
    return record;
  }

  create(body: unknown): DnsRecord {
    const fields = readRecord(body, this.#options);
    this.#checkBeside(fields, null);
    if (this.#byId.size >= this.#options.plan.maxRecords) throw quotaExceeded();
    const id = hex(this.#options.random, 32);
    const now = this.#timestamp();
    return this.#set({ ...this.#whole(id, fields), created_on: now, modified_on: now });
  }

  /** Only what the body names (PATCH). */
  patch(id: string, body: unknown): DnsRecord {
    const before = this.get(id);
    return this.#change(before, readRecord(body, { ...this.#options, before }));
  }

  /** Everything; what the body does not name gets its default (PUT). */
  replace(id: string, body: unknown): DnsRecord {
    return this.#change(this.get(id), readRecord(body, this.#options));
  }

  remove(id: string): DnsRecord {
    const record = this.get(id);
    this.#byId.delete(id);
    this.#forgetName(record);
    return record;
  }

  /** Runs `work`; if it throws, none of its changes have happened. */
  atomically<Result>(work: () => Result): Result {
    // Records and the lists of them are never changed in place: to remember the maps is enough.
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

  #whole(id: string, fields: RecordFields) {
    return { id, ...fields, proxiable: isProxiable(fields.type), meta: {} };
  }

  #change(before: DnsRecord, fields: RecordFields): DnsRecord {
    // Not verified for the API; the dashboard does not offer it either.
    if (fields.type !== before.type) {
      throw invalidRecord(1004, 'DNS Validation Error: the type of a record cannot be changed.');
    }
    this.#checkBeside(fields, before.id);
    const now = this.#timestamp();
    const after: DnsRecord = {
      ...this.#whole(before.id, fields),
      created_on: before.created_on,
      modified_on: now,
      ...(fields.comment !== before.comment && { comment_modified_on: now }),
    };
    if (after.name !== before.name) this.#forgetName(before);
    return this.#set(after);
  }

  /** A CNAME is alone with its name; other records may share one, but not be the same. */
  #checkBeside(fields: RecordFields, itself: string | null): void {
    for (const other of this.withName(fields.name)) {
      if (other.id === itself) continue;
      const alone = fields.type === 'CNAME' || other.type === 'CNAME';
      const same = fields.type === other.type && fields.content === other.content;
      if (alone || same) throw alreadyExists(this.#options.random);
    }
  }

  #set(record: DnsRecord): DnsRecord {
    this.#byId.set(record.id, record);
    this.#byName.set(record.name, [...this.#othersNamed(record), record]);
    return record;
  }

  #forgetName(record: DnsRecord): void {
    const others = this.#othersNamed(record);
    if (others.length > 0) this.#byName.set(record.name, others);
    else this.#byName.delete(record.name);
  }

  #othersNamed(record: DnsRecord): DnsRecord[] {
    return this.withName(record.name).filter(({ id }) => id !== record.id);
  }
}
