/**
 * A clock that runs like the host's, and that a test can pause or move forward: for parts that also wait for real
 * programs or HTTP, which a `ManualClock` would keep waiting.
 */
import { type Clock, systemClock, type Timer } from '../../orchestrator/clock.ts';

interface PendingTimer {
  dueMs: number;
  task: () => void;
  handle: Timer | null;
}

export class ShiftableClock implements Clock {
  #shiftMs = 0;
  /** The time at which it was paused; null while it runs. */
  #pausedAtMs: number | null = null;
  readonly #pending = new Set<PendingTimer>();

  now(): number {
    return systemClock.now() - systemClock.monotonicMs() + this.monotonicMs();
  }

  monotonicMs(): number {
    return this.#pausedAtMs ?? systemClock.monotonicMs() + this.#shiftMs;
  }

  setTimer(task: () => void, delayMs: number): Timer {
    const timer: PendingTimer = { dueMs: this.monotonicMs() + Math.max(0, delayMs), task, handle: null };
    this.#pending.add(timer);
    this.#schedule(timer);
    return {
      cancel: () => {
        timer.handle?.cancel();
        this.#pending.delete(timer);
      },
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = this.setTimer(resolve, delayMs);
      const end = () => {
        timer.cancel();
        resolve();
      };
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  /** Stops the time until `resume`; `skip` still moves it. */
  pause(): void {
    this.#pausedAtMs ??= this.monotonicMs();
    this.#rescheduleAll();
  }

  resume(): void {
    if (this.#pausedAtMs === null) return;
    this.#shiftMs = this.#pausedAtMs - systemClock.monotonicMs();
    this.#pausedAtMs = null;
    this.#rescheduleAll();
  }

  /** Moves the time forward. Timers that become due fire in the next turns of the event loop, in order. */
  skip(ms: number): void {
    if (this.#pausedAtMs === null) this.#shiftMs += ms;
    else this.#pausedAtMs += ms;
    this.#rescheduleAll();
  }

  #rescheduleAll(): void {
    for (const timer of [...this.#pending].sort((a, b) => a.dueMs - b.dueMs)) this.#schedule(timer);
  }

  #schedule(timer: PendingTimer): void {
    timer.handle?.cancel();
    const waitMs = timer.dueMs - this.monotonicMs();
    if (this.#pausedAtMs !== null && waitMs > 0) return;
    timer.handle = systemClock.setTimer(() => {
      // Node's timers count whole milliseconds, so this one may fire a fraction early.
      this.#pending.delete(timer);
      timer.task();
    }, waitMs);
  }
}
