/**
 * The note on disk that a publication is under way: written before its first call, gone after its last. Whoever
 * finds one of a process that was killed waits until no call of it can still arrive, and then looks at everything.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** The part of the store that is needed here. */
export interface IntentStore {
  putIntent(id: string, body: string): void;
  removeIntent(id: string): void;
  intents(): { id: string; body: string }[];
}

interface Body {
  /** Hostnames whose records it makes: a rule that stands for one of them need not be ours. */
  making: string[];
}

const ID = 'cloudflare';

export class Intent {
  readonly #store: IntentStore;
  /** Nothing that was sent before this process began arrives later; on the monotonic clock, in ms. */
  readonly #quietAt: number;

  /** `callTimeoutMs`: how long a call may take. Whoever was killed has sent nothing since this process began. */
  constructor(store: IntentStore, callTimeoutMs: number) {
    this.#store = store;
    this.#quietAt = performance.now() + callTimeoutMs;
  }

  begin(making: readonly string[] = []): void {
    this.#store.putIntent(ID, JSON.stringify({ making: [...making] } satisfies Body));
  }

  end(): void {
    this.#store.removeIntent(ID);
  }

  /**
   * Waits out what a killed process may have on the way. Resolves to the hostnames whose records it was making, null
   * where nothing was left.
   */
  async waitOut(signal: AbortSignal): Promise<string[] | null> {
    const found = this.#store.intents().find(({ id }) => id === ID);
    if (found === undefined) return null;
    const left = this.#quietAt - performance.now();
    if (left > 0) await sleep(left, undefined, { signal });
    return (JSON.parse(found.body) as Body).making;
  }
}
