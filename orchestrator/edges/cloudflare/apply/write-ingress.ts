/**
 * Writes our rules into the tunnel's configuration: read immediately before, written only where something differs,
 * and the version afterwards must be the one read plus one. If it is not, somebody wrote in between: that is told,
 * and the document is read and merged again.
 */
import type { CloudflareApi, Configuration, JsonObject } from '../api/client.ts';
import { ApiFailure, failureOf } from '../api/failures.ts';
import { type MergedIngress, mergeIngress, saysTheSame, type WantedIngress } from '../plan/ingress.ts';
import { halving } from './bisect.ts';

/** Writes of one publication, at the most: somebody who writes without end is met by the next one. */
const ROUNDS = 4;

/** What a write of somebody else between our reading and our writing may have lost. */
export interface LostUpdate {
  read: number;
  now: number;
}

/**
 * Whether a write that was built on version `read` may have taken away what somebody else wrote. One version more is
 * one write: ours, or somebody's beside which ours was not applied. More are two.
 */
export const mayHaveLost = (read: number, now: number) => now > read + 1;

/**
 * Whether what stands can only be what we sent. That a rule is gone proves nothing, since its owner may have taken it
 * away as well, and ours may still arrive; a new one of ours does.
 */
const isSurelyOurs = (sent: MergedIngress, { config }: Configuration) =>
  sent.changes.some(({ found }) => found === 'no rule') && saysTheSame(sent.config, config);

export interface IngressWriterOptions {
  api: CloudflareApi;
  /** The document as it was read just now. */
  current: Configuration;
  /** This document, built on that version, is about to be sent. */
  onWrite(read: number, config: JsonObject): void;
  onLostUpdate(lost: LostUpdate): void;
  /** Somebody else's rule has that name. Said again at every look that finds it. */
  onClash(clash: { hostname: string; service: string }): void;
  /** The rule of that hostname could not be made as wanted. */
  onFailure(hostname: string, failure: ApiFailure): void;
}

/** How one write ended. */
type Write = { done: true } | { done: false; failure: ApiFailure };

export class IngressWriter {
  readonly #options: IngressWriterOptions;
  #current: Configuration;

  constructor(options: IngressWriterOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  /** The document as it stands, as far as we know. */
  get current(): Configuration {
    return this.#current;
  }

  /** Makes the document as wanted. Throws an `ApiFailure` where it can't be read, or this process ends. */
  async write(wanted: WantedIngress): Promise<void> {
    const first = this.#merge(wanted);
    if (first.changes.length === 0) return;
    const changed = first.changes.map(({ hostname }) => hostname);
    const write = await this.#writeAll(wanted);
    if (write.done) return;
    // A document that is refused may be so for one rule: the others go without it.
    if (write.failure.kind !== 'invalid') return this.#fail(changed, write.failure);
    await this.#split(wanted, changed, write.failure);
  }

  /** Our rules in the document as it stands. Whoever has taken a name of ours is named, at whichever look they are seen. */
  #merge(wanted: WantedIngress): MergedIngress {
    const merged = mergeIngress(this.#current.config, wanted);
    for (const clash of merged.clashes) this.#options.onClash(clash);
    return merged;
  }

  #fail(hostnames: readonly string[], failure: ApiFailure): void {
    for (const hostname of hostnames) this.#options.onFailure(hostname, failure);
  }

  async #split(wanted: WantedIngress, changed: readonly string[], together: ApiFailure): Promise<void> {
    const accepted = new Map([...wanted.open].filter(([hostname]) => !changed.includes(hostname)));
    const opening = changed.filter((hostname) => wanted.open.has(hostname));
    // What only closes first: a link that should be gone must not wait for a bad rule.
    const closing = await this.#writeAll({ ...wanted, open: accepted });
    if (!closing.done) return this.#fail(changed, closing.failure);
    if (opening.length < 2) return this.#fail(opening, together);
    await halving(opening, async (part, isAlone) => {
      const open = new Map(accepted);
      for (const hostname of part) open.set(hostname, wanted.open.get(hostname) ?? '');
      const write = await this.#writeAll({ ...wanted, open });
      if (write.done) {
        for (const hostname of part) accepted.set(hostname, open.get(hostname) ?? '');
        return true;
      }
      if (write.failure.kind === 'invalid' && !isAlone) return false;
      this.#fail(part, write.failure);
      return true;
    });
  }

  /** Merges and writes, again while somebody else's writes come in between. */
  async #writeAll(wanted: WantedIngress): Promise<Write> {
    const { onLostUpdate } = this.#options;
    for (let round = 0; round < ROUNDS; round += 1) {
      const merged = this.#merge(wanted);
      if (merged.changes.length === 0) return { done: true };
      // Somebody has written since the marks were read: they may have taken the record, and the name with it.
      if (round > 0 && merged.changes.some(({ byMark }) => byMark)) return this.#settleForNow(wanted);
      const before = this.#current;
      const failure = await this.#put(merged);
      if (failure !== null && failure.kind !== 'unknown') return { done: false, failure };
      if (failure === null && this.#current.version === before.version + 1) return { done: true };
      const answered = this.#current.version;
      await this.#readBack(before.version, merged);
      // Not applied, and it can't be any more: the next publication begins anew.
      if (failure !== null && this.#current.version === before.version) return { done: false, failure };
      const now = Math.max(answered, this.#current.version);
      if (mayHaveLost(before.version, now)) onLostUpdate({ read: before.version, now });
    }
    return this.#settleForNow(wanted);
  }

  /** Reads what stands; where ours does not, once it can't arrive any more: until then nothing else is written. */
  async #readBack(before: number, sent: MergedIngress): Promise<void> {
    const { api } = this.#options;
    this.#current = await api.configuration();
    if (this.#current.version === before + 1 && isSurelyOurs(sent, this.#current)) api.settle();
    if (api.isQuiet) return;
    await api.quiet();
    this.#current = await api.configuration();
  }

  /** Somebody writes without end: what stands now counts. */
  #settleForNow(wanted: WantedIngress): Write {
    if (this.#merge(wanted).changes.length === 0) return { done: true };
    const failure = new ApiFailure('unknown', 'somebody else keeps writing them');
    return { done: false, failure };
  }

  /** Sends the document; resolves to why that failed. */
  async #put(merged: MergedIngress): Promise<ApiFailure | null> {
    this.#options.onWrite(this.#current.version, merged.config);
    try {
      const { version } = await this.#options.api.putConfiguration(merged.config);
      this.#current = { version, config: merged.config };
      return null;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === 'aborted') throw failure;
      return failure;
    }
  }
}
