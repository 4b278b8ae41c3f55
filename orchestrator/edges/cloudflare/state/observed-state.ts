/** What a run reads of Cloudflare's side, and what this process keeps of it from run to run. */
import type { CloudflareApi, Configuration, DnsRecord } from '../api/client.ts';
import type { WrittenRules } from './written-rules.ts';

/** What this process knows of Cloudflare's side; null: has to be read. */
export interface ObservedState {
  records: DnsRecord[] | null;
  configuration: Configuration | null;
  ways: WrittenRules;
  /** Since when each record has been of no use, by hostname; ms on the monotonic clock. */
  idleSince: Map<string, number>;
}

/** The reading of one run. Throws an `ApiFailure` where something can't be read. */
export class Reading {
  readonly #api: CloudflareApi;
  readonly #known: ObservedState;
  #hasRecords = false;
  #provenVersion: number | null = null;

  constructor(api: CloudflareApi, known: ObservedState) {
    this.#api = api;
    this.#known = known;
  }

  /** Whether this run has read the records: those of before may have been changed since. */
  get hasRecords(): boolean {
    return this.#hasRecords;
  }

  /** The version of the document that stood before the records were read: marks prove what its rules are. */
  get provenVersion(): number | null {
    return this.#provenVersion;
  }

  /** Makes sure of a picture. Before a record is made it must be known whether somebody's rule has its name. */
  async read(fresh: boolean): Promise<Configuration> {
    const known = this.#known;
    const seen = fresh || known.configuration === null ? await this.configuration() : known.configuration;
    if (fresh || known.records === null) {
      await this.records();
      this.#provenVersion = seen.version;
    }
    return seen;
  }

  async records(): Promise<void> {
    this.#known.records = null;
    this.#known.records = await this.#api.records();
    this.#hasRecords = true;
  }

  async configuration(): Promise<Configuration> {
    this.#known.configuration = null;
    this.#known.configuration = await this.#api.configuration();
    return this.#known.configuration;
  }
}
