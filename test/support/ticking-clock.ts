/**
 * A clock that advances by at most one tick per turn of the event loop. On a slow or busy machine its time passes more
 * slowly, so no timeout is reached only because answers within this process take longer.
 */
import type { Clock, Timer } from '../../orchestrator/clock.ts';

const TICK_MS = 5;

interface PendingTimer {
  dueMs: number;
  task: () => void;
}

export class TickingClock implements Clock {
  readonly #startedAt = Date.now();
  readonly #pending = new Set<PendingTimer>();
  readonly #ticker = setInterval(() => this.#tick(), TICK_MS);
  #elapsedMs = 0;

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
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted) resolve();
    else {
      const end = () => {
        timer.cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.setTimer(end, delayMs);
      signal?.addEventListener('abort', end);
    }
    return promise;
  }

  #tick(): void {
    this.#elapsedMs += TICK_MS;
    const due = [...this.#pending].filter(({ dueMs }) => dueMs <= this.#elapsedMs);
    for (const timer of due.sort((a, b) => a.dueMs - b.dueMs)) if (this.#pending.delete(timer)) timer.task();
  }

  /** No timer fires any more. */
  stop(): void {
    clearInterval(this.#ticker);
    this.#pending.clear();
  }
}
