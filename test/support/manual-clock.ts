/** A clock that stands still until a test advances it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../../orchestrator/clock.ts';

interface PendingTimer {
  dueMs: number;
  task: () => void;
}

/** Turns of the event loop that let promises and immediates settle between two timers. */
const SETTLE_TURNS = 5;

export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #startedAt: number;
  readonly #pending = new Set<PendingTimer>();

  /** `startedAt`: wall-clock time at the beginning, in ms since 1970. */
  constructor(startedAt = Date.UTC(2026, 0, 1)) {
    this.#startedAt = startedAt;
  }

  now(): number {
    return this.#startedAt + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  setTimer(task: () => void, delayMs: number): Timer {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), task };
    this.#pending.add(timer);
    return { cancel: () => void this.#pending.delete(timer) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = this.setTimer(resolve, delayMs);
      signal?.addEventListener(
        'abort',
        () => {
          timer.cancel();
          resolve();
        },
        { once: true },
      );
    });
  }

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** In how many ms the next timer is due; null without one. */
  get msToNextTimer(): number | null {
    const due = [...this.#pending].map(({ dueMs }) => dueMs);
    return due.length === 0 ? null : Math.min(...due) - this.#elapsedMs;
  }

  /** Moves time forward without firing a timer, as if the process had been suspended. */
  skip(ms: number): void {
    this.#elapsedMs += ms;
  }

  /** Moves time forward, and fires each timer that becomes due at its own moment, in order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await this.#settle();
    for (;;) {
      const [next] = [...this.#pending].sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > endMs) break;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      this.#pending.delete(next);
      next.task();
      await this.#settle();
    }
    this.#elapsedMs = endMs;
    await this.#settle();
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await nextTurn();
  }
}
