/**
 * The note on disk that a run is in flight: written before its first call, removed after its last. A process that finds
 * the note of a killed one waits until no call of that one can still arrive, and then reads everything.
 */
import type { Clock } from '../../../clock.ts';

/** The part of the store that is needed here. */
export interface JournalStore {
  putJournalEntry(id: string, body: string): void;
  removeJournalEntry(id: string): void;
  journalEntries(): { id: string; body: string }[];
}

/** What an interrupted run has left. */
export interface InterruptedRun {
  /** Hostnames whose records it was creating: the owner tag does not make a rule for one of them ours. */
  creating: readonly string[];
  /** Those of them that had a rule of ours already: that it exists proves nothing. */
  ruled: readonly string[];
  /** The version that its newest document was built on; null where none was sent, or its fate is known. */
  builtOn: number | null;
}

const JOURNAL_ID = 'cloudflare';

const NOTHING: InterruptedRun = { creating: [], ruled: [], builtOn: null };

/** The names of the fields in earlier versions, which an upgrade may interrupt. */
interface EarlierBody {
  making?: string[];
  standing?: string[];
  read?: number | null;
}

function parseBody(text: string): InterruptedRun {
  const body = JSON.parse(text) as Partial<InterruptedRun> & EarlierBody;
  return {
    creating: body.creating ?? body.making ?? [],
    ruled: body.ruled ?? body.standing ?? [],
    builtOn: body.builtOn ?? body.read ?? null,
  };
}

export class Journal {
  readonly #store: JournalStore;
  readonly #clock: Clock;
  /** No call of an earlier process arrives later; in ms on the monotonic clock. */
  readonly #quietAtMs: number;
  #noted = NOTHING;

  /** `callTimeoutMs`: how long a call may take. A killed process has sent nothing since this one started. */
  constructor(store: JournalStore, callTimeoutMs: number, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#quietAtMs = clock.monotonicMs() + callTimeoutMs;
  }

  /** A run begins, or what it would leave behind has changed. */
  note(change: Partial<InterruptedRun>): void {
    this.#noted = { ...this.#noted, ...change };
    this.#store.putJournalEntry(JOURNAL_ID, JSON.stringify(this.#noted));
  }

  end(): void {
    this.#noted = NOTHING;
    this.#store.removeJournalEntry(JOURNAL_ID);
  }

  /**
   * Waits until no call of an interrupted run can still arrive, or `signal` aborts. Resolves to what the run has left;
   * null for nothing.
   */
  async waitOut(signal: AbortSignal): Promise<InterruptedRun | null> {
    const found = this.#store.journalEntries().find(({ id }) => id === JOURNAL_ID);
    if (found === undefined) return null;
    const leftMs = this.#quietAtMs - this.#clock.monotonicMs();
    if (leftMs > 0) await this.#clock.sleep(leftMs, signal);
    signal.throwIfAborted();
    return parseBody(found.body);
  }
}
