/**
 * The calls that we make, and nothing else of Cloudflare's API. Each is sent once (a hidden second PUT would look like
 * another writer's), counted, limited in time, and fails with an `ApiFailure`.
 */
import type { APIPromise } from 'cloudflare/api-promise';
import type { Clock } from '../../../clock.ts';
import type { Budget } from './budget.ts';
import { createSdkClient, sendWithinLimits } from './calls.ts';
import { ApiFailure, failureOf } from './failures.ts';

export interface ApiOptions {
  token: string;
  baseUrl: string;
  accountId: string;
  tunnelId: string;
  zoneId: string;
  budget: Budget;
  clock: Clock;
  /** How long to wait for a whole answer, in ms. A call that timed out may still be applied for as long. */
  callTimeoutMs: number;
  /** A write may have been applied, or may still be: what is known of Cloudflare's side may be outdated. */
  onUnknownOutcome(): void;
  /** Aborted when no other call may begin, and the running one ends soon: this process stops. Null without a run. */
  closing(): AbortSignal | null;
  /** Ends every call. */
  signal: AbortSignal;
  fetch?: typeof fetch;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** The whole document, as it was read: we know of `ingress` only, and keep the rest. */
export interface Configuration {
  version: number;
  config: JsonObject | null;
}

export interface DnsRecord {
  id: string;
  name: string;
  type: string;
  content: string;
  proxied: boolean;
  comment: string | null;
}

/** A record as we write it: always a proxied CNAME to the tunnel. */
export interface RecordDraft {
  name: string;
  type: 'CNAME';
  content: string;
  proxied: true;
  /** 1: "automatic", the only value of a proxied record. */
  ttl: 1;
  comment: string;
}

/** One transaction: deletes, patches, posts, in that order; the first error applies nothing. */
export interface DnsBatch {
  deletes: { id: string }[];
  patches: ({ id: string } & RecordDraft)[];
  posts: RecordDraft[];
}

interface Envelope {
  success?: boolean;
  errors?: { code?: number; message?: string }[];
  result?: unknown;
  result_info?: { total_pages?: number };
}

/** Sends a call that the signal ends. */
type Send = (signal: AbortSignal) => APIPromise<unknown>;

/** A Free zone has up to 200 records, a paid one 3,500: one page, where the API gives that many. */
const RECORDS_PER_PAGE = 5000;

export class CloudflareApi {
  readonly #options: ApiOptions;
  readonly #client;
  /** No write that timed out is applied later than this; in ms on the monotonic clock. */
  #quietAtMs = 0;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#client = createSdkClient(options);
  }

  /** Sends one call; resolves to the envelope. */
  async #call(send: Send, isWrite = false): Promise<Envelope> {
    const { budget, clock, signal, callTimeoutMs: timeoutMs } = this.#options;
    const closing = this.#options.closing();
    if (signal.aborted || closing?.aborted) throw new ApiFailure('aborted', 'this process is ending');
    budget.spend();
    try {
      const limits = { timeoutMs, isWrite, signal, closing, clock };
      const { data, response } = await sendWithinLimits(limits, (limit) => send(limit).withResponse());
      budget.updateFromHeaders(response.headers);
      const envelope = data as Envelope;
      // A proxy's page with status 200, or an envelope that says no.
      if (typeof envelope !== 'object' || envelope === null || envelope.success !== true)
        throw new ApiFailure('unknown', 'an answer that is not Cloudflare’s');
      return envelope;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === 'rate-limited') budget.block(failure.afterMs);
      throw failure;
    }
  }

  /** A call that changes something. */
  async #write(send: Send): Promise<Envelope> {
    try {
      return await this.#call(send, true);
    } catch (error) {
      const failure = failureOf(error);
      const { clock, callTimeoutMs } = this.#options;
      if (!failure.isOver) this.#quietAtMs = clock.monotonicMs() + callTimeoutMs;
      if (failure.kind === 'unknown') this.#options.onUnknownOutcome();
      throw error;
    }
  }

  /** Whether no write that timed out can still be applied. */
  get isQuiet(): boolean {
    return this.#options.clock.monotonicMs() >= this.#quietAtMs;
  }

  /** The write that timed out was read back as applied: there is nothing to wait for. */
  confirmWritten(): void {
    this.#quietAtMs = 0;
  }

  /** Resolves when `isQuiet`. Throws `aborted` where this process stops before. */
  async quiet(): Promise<void> {
    const ends = [this.#options.signal, this.#options.closing()].filter((each) => each !== null);
    const signal = AbortSignal.any(ends);
    const { clock } = this.#options;
    while (!this.isQuiet) {
      await clock.sleep(Math.max(0, this.#quietAtMs - clock.monotonicMs()), signal);
      if (signal.aborted) throw new ApiFailure('aborted', 'this process is ending');
    }
  }

  get #tunnelPath(): string {
    return `/accounts/${this.#options.accountId}/cfd_tunnel/${this.#options.tunnelId}`;
  }

  #get(path: string, query: Record<string, string | number> = {}): Promise<Envelope> {
    return this.#call((signal) => this.#client.get(path, { query, signal }));
  }

  async configuration(): Promise<Configuration> {
    const { result } = await this.#get(`${this.#tunnelPath}/configurations`);
    return readConfiguration(result);
  }

  /** Resolves to what Cloudflare says it holds now. */
  async putConfiguration(config: JsonObject): Promise<Configuration> {
    const path = `${this.#tunnelPath}/configurations`;
    const body = { config };
    const { result } = await this.#write((signal) => this.#client.put(path, { body, signal }));
    return readConfiguration(result);
  }

  /** Every record of the zone. */
  async records(): Promise<DnsRecord[]> {
    const records: DnsRecord[] = [];
    for (let page = 1, pages = 1; page <= pages; page += 1) {
      const path = `/zones/${this.#options.zoneId}/dns_records`;
      const { result, result_info: info } = await this.#get(path, { page, per_page: RECORDS_PER_PAGE });
      if (!Array.isArray(result)) throw new ApiFailure('unknown', 'a list of records that is none');
      records.push(...result.map(readRecord));
      pages = info?.total_pages ?? 1;
    }
    return records;
  }

  /** Sends the batch; resolves to the records that it created or changed. */
  async batch(batch: DnsBatch): Promise<DnsRecord[]> {
    const path = `/zones/${this.#options.zoneId}/dns_records/batch`;
    const body = { ...batch };
    const { result } = await this.#write((signal) => this.#client.post(path, { body, signal }));
    const { patches, posts } = (result ?? {}) as { patches?: unknown; posts?: unknown };
    return [patches, posts].flatMap((each) => (Array.isArray(each) ? each.map(readRecord) : []));
  }

  /** The configuration version that each connector of the tunnel runs with; null where it does not say. */
  async connectors(): Promise<(number | null)[]> {
    const { result } = await this.#get(`${this.#tunnelPath}/connections`);
    if (!Array.isArray(result)) return [];
    return result.map((each: { config_version?: unknown }) =>
      typeof each.config_version === 'number' ? each.config_version : null,
    );
  }

  /** The zone's name, e.g. `example.com`. */
  async zoneName(): Promise<string> {
    const { result } = await this.#get(`/zones/${this.#options.zoneId}`);
    const { name } = (result ?? {}) as { name?: unknown };
    if (typeof name !== 'string') throw new ApiFailure('unknown', 'a zone without a name');
    return name.toLowerCase();
  }

  /** The tunnel's name, and whether its rules are kept at Cloudflare: a `local` one reads a file of its host instead. */
  async tunnel(): Promise<{ name: string; managed: 'cloudflare' | 'local'; deleted: boolean }> {
    const { result } = await this.#get(this.#tunnelPath);
    const tunnel = (result ?? {}) as { name?: unknown; config_src?: unknown; deleted_at?: unknown };
    return {
      name: String(tunnel.name ?? ''),
      managed: tunnel.config_src === 'local' ? 'local' : 'cloudflare',
      deleted: typeof tunnel.deleted_at === 'string' && !tunnel.deleted_at.startsWith('0001-'),
    };
  }
}

function readConfiguration(result: unknown): Configuration {
  const { version, config } = (result ?? {}) as { version?: unknown; config?: JsonObject | null };
  if (typeof version !== 'number') throw new ApiFailure('unknown', 'a configuration without a version');
  return { version, config: config ?? null };
}

function readRecord(value: unknown): DnsRecord {
  const { id, name, type, content, proxied, comment } = value as Partial<DnsRecord>;
  return {
    id: String(id ?? ''),
    name: String(name ?? '').toLowerCase(),
    type: String(type ?? ''),
    content: String(content ?? '').toLowerCase(),
    proxied: proxied === true,
    comment: comment ?? null,
  };
}
