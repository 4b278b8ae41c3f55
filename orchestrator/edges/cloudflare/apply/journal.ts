/**
 * The note on disk that a publication is under way: written before its first call, gone after its last. Whoever
 * finds one of a process that was killed waits until no call of it can still arrive, and then looks at everything.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** The part of the store that is needed here. */
export interface JournalStore {
  putJournalEntry(id: string, body: string): void;
  removeJournalEntry(id: string): void;
  journalEntries(): { id: string; body: string }[];
}

/** What a run that was cut off has left. */
export interface InterruptedRun {
  /** Hostnames whose records it was making: the mark does not make a rule for one of them ours. */
  making: readonly string[];
  /** Those of them for which a rule of ours stood already: that it stands proves nothing. */
  standing: readonly string[];
  /** The version that its newest document was built on; null where none was sent, or what became of it is known. */
  read: number | null;
}

const ID = 'cloudflare';

const NOTHING: InterruptedRun = { making: [], standing: [], read: null };

export class Journal {
  readonly #store: JournalStore;
  /** Nothing that was sent before this process began arrives later; on the monotonic clock, in ms. */
  readonly #quietAt: number;
  #noted = NOTHING;

  /** `callTimeoutMs`: how long a call may take. Whoever was killed has sent nothing since this process began. */
  constructor(store: JournalStore, callTimeoutMs: number) {
    this.#store = store;
    this.#quietAt = performance.now() + callTimeoutMs;
  }

  /** A run begins, or what it would leave behind has changed. */
  note(change: Partial<InterruptedRun>): void {
    this.#noted = { ...this.#noted, ...change };
    this.#store.putJournalEntry(ID, JSON.stringify(this.#noted));
  }

  end(): void {
    this.#noted = NOTHING;
    this.#store.removeJournalEntry(ID);
  }

  /** Waits out what a killed process may have on the way. Resolves to what it has left; null for nothing. */
  async waitOut(signal: AbortSignal): Promise<InterruptedRun | null> {
    const found = this.#store.journalEntries().find(({ id }) => id === ID);
    if (found === undefined) return null;
    const left = this.#quietAt - performance.now();
    if (left > 0) await sleep(left, undefined, { signal });
    return { ...NOTHING, ...(JSON.parse(found.body) as Partial<InterruptedRun>) };
  }
}
