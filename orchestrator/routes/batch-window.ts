/** Who starts in the same moment is published together: a publication waits a little before its first write. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Nobody has come for so long: all are there, in ms. A class's reports come within a few of each other. */
const QUIET = 15;
/** It does not wait longer than that, in ms. */
const MOST = 50;

export class BatchWindow {
  #cameAt = 0;

  /** Somebody has come. */
  touch(): void {
    this.#cameAt = performance.now();
  }

  /** Resolves when all who start in this moment have come, or `signal` aborts. */
  async closed(signal: AbortSignal): Promise<void> {
    const start = performance.now();
    for (;;) {
      const end = Math.min(Math.max(this.#cameAt, start) + QUIET, start + MOST);
      const left = end - performance.now();
      if (left <= 0 || signal.aborted) return;
      await sleep(left, undefined, { signal }).catch(() => {});
    }
  }
}
