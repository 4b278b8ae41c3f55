/**
 * Writes our rules into the tunnel's configuration: read immediately before, written only where something differs,
 * and the version afterwards must be the one read plus one. If it is not, another writer wrote in between: that is
 * reported, and the document is read and merged again.
 */
import type { CloudflareApi, Configuration, JsonObject } from '../api/client.ts';
import { ApiFailure, failureOf } from '../api/failures.ts';
import { type DesiredIngress, type MergedIngress, mergeIngress } from '../plan/ingress.ts';
import { type HostnameRule, isSameDocument } from '../plan/ingress-document.ts';
import { bisectHalves } from './bisect.ts';

/** Writes of one run: another writer that never stops is met by the next run. */
const MAX_ROUNDS = 4;

/** A write of another writer, between our read and our write, that ours may have undone. */
export interface LostUpdate {
  read: number;
  now: number;
}

/**
 * The loss that a write built on version `read` may have caused; null for none. One version more is one write: ours,
 * or another writer's where ours was not applied. More versions are at least two writes.
 */
export const lostUpdate = (read: number, now: number): LostUpdate | null =>
  now > read + 1 ? { read, now } : null;

/**
 * Whether a document can only be what we sent. A missing rule proves nothing: another writer may have removed it, and
 * our write may still arrive. A new rule of ours does.
 */
const isSurelyOurs = (sent: MergedIngress, { config }: Configuration) =>
  sent.changes.some(({ found }) => found === 'no rule') && isSameDocument(sent.config, config);

export interface IngressWriterOptions {
  api: CloudflareApi;
  /** The document as it was read just now. */
  current: Configuration;
  /** This document, built on that version, is about to be sent. */
  onWrite(builtOn: number, config: JsonObject): void;
  onLostUpdate(lost: LostUpdate): void;
  /** Another writer's rule has a hostname that is to be ours. Called at every read that finds it. */
  onConflict(rule: HostnameRule): void;
  /** The rule of that hostname could not be written as desired. */
  onFailure(hostname: string, failure: ApiFailure): void;
}

/** The failure of a write; null where it is done. */
type WriteFailure = ApiFailure | null;

export class IngressWriter {
  readonly #options: IngressWriterOptions;
  #current: Configuration;

  constructor(options: IngressWriterOptions) {
    this.#options = options;
    this.#current = options.current;
  }

  /** The document as far as we know it. */
  get current(): Configuration {
    return this.#current;
  }

  /** Makes the document as desired. Throws an `ApiFailure` where it can't be read, or this process ends. */
  async write(desired: DesiredIngress): Promise<void> {
    const first = this.#merge(desired);
    if (first.changes.length === 0) return;
    const changed = first.changes.map(({ hostname }) => hostname);
    const failure = await this.#writeAll(desired);
    if (failure === null) return;
    // A document that is refused may be so for one rule: the others are written without it.
    if (failure.kind !== 'invalid') return this.#fail(changed, failure);
    await this.#split(desired, changed, failure);
  }

  /** Our rules in the document as it is known. Conflicts are reported at whichever read they are found. */
  #merge(desired: DesiredIngress): MergedIngress {
    const merged = mergeIngress(this.#current.config, desired);
    for (const rule of merged.conflicts) this.#options.onConflict(rule);
    return merged;
  }

  #fail(hostnames: readonly string[], failure: ApiFailure): void {
    for (const hostname of hostnames) this.#options.onFailure(hostname, failure);
  }

  async #split(desired: DesiredIngress, changed: readonly string[], together: ApiFailure): Promise<void> {
    const accepted = new Map([...desired.open].filter(([hostname]) => !changed.includes(hostname)));
    const opening = changed.filter((hostname) => desired.open.has(hostname));
    // Closing first: a link that should be closed must not wait for a bad rule.
    const failure = await this.#writeAll({ ...desired, open: accepted });
    if (failure !== null) return this.#fail(changed, failure);
    if (opening.length < 2) return this.#fail(opening, together);
    await bisectHalves(opening, async (part, isAlone) => {
      const open = new Map(accepted);
      for (const hostname of part) open.set(hostname, desired.open.get(hostname) ?? '');
      const refusal = await this.#writeAll({ ...desired, open });
      if (refusal === null) {
        for (const hostname of part) accepted.set(hostname, open.get(hostname) ?? '');
        return true;
      }
      if (refusal.kind === 'invalid' && !isAlone) return false;
      this.#fail(part, refusal);
      return true;
    });
  }

  /** Merges and writes, again while another writer's writes come in between. */
  async #writeAll(desired: DesiredIngress): Promise<WriteFailure> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const merged = this.#merge(desired);
      if (merged.changes.length === 0) return null;
      // Another writer has written since the owner tags were read, and may have taken the record with its hostname.
      if (round > 0 && merged.changes.some(({ isOwnedByTagOnly }) => isOwnedByTagOnly))
        return this.#giveUp(desired);
      const before = this.#current;
      const failure = await this.#put(merged);
      if (failure !== null && failure.kind !== 'unknown') return failure;
      if (failure === null && this.#current.version === before.version + 1) return null;
      const answered = this.#current.version;
      await this.#readBack(before.version, merged);
      // Not applied, and it can't be any more.
      if (failure !== null && this.#current.version === before.version) return failure;
      const lost = lostUpdate(before.version, Math.max(answered, this.#current.version));
      if (lost !== null) this.#options.onLostUpdate(lost);
    }
    return this.#giveUp(desired);
  }

  /** Reads the document; where ours is not in it, again once ours can't arrive any more. Nothing is written until then. */
  async #readBack(before: number, sent: MergedIngress): Promise<void> {
    const { api } = this.#options;
    this.#current = await api.configuration();
    if (this.#current.version === before + 1 && isSurelyOurs(sent, this.#current)) api.confirmWritten();
    if (api.isQuiet) return;
    await api.quiet();
    this.#current = await api.configuration();
  }

  /** Another writer keeps writing: what the document has now counts. */
  #giveUp(desired: DesiredIngress): WriteFailure {
    if (this.#merge(desired).changes.length === 0) return null;
    return new ApiFailure('unknown', 'another writer keeps writing them');
  }

  /** Sends the document. */
  async #put(merged: MergedIngress): Promise<WriteFailure> {
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
