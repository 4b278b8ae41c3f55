/** Collects changes of the same moment, so that a class that starts together is published in one run. */
import type { Clock } from '../clock.ts';

/** The window closes when no change has come for this long. A class's reports come within a few ms of each other. */
const QUIET_MS = 15;
/** The window never stays open longer. */
const MAX_WINDOW_MS = 50;

export class BatchWindow {
  readonly #clock: Clock;
  #lastChangeMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A change has come. */
  touch(): void {
    this.#lastChangeMs = this.#clock.monotonicMs();
  }

  /** Opens a window. Resolves when it closes, or when `signal` aborts. */
  async closed(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      const endMs = Math.min(Math.max(this.#lastChangeMs, startMs) + QUIET_MS, startMs + MAX_WINDOW_MS);
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || signal.aborted) return;
      await this.#clock.sleep(leftMs, signal);
    }
  }
}
