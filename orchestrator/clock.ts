/**
 * The time, and waiting for it. Whatever decides something by time is given a clock, so that its tests advance one
 * instead of waiting. `test/support/manual-clock.ts` is that clock.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Timer {
  /** Does nothing once the timer has fired. */
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in ms since 1970. It may jump when the host's clock is set. */
  now(): number;
  /** Monotonic time in ms since an arbitrary moment: for durations. */
  monotonicMs(): number;
  /** Calls `task` once, `delayMs` from now. A timer never keeps the process alive. */
  setTimer(task: () => void, delayMs: number): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Node fires a timer at once if its delay exceeds 2^31 - 1 ms, 24.8 days (nodejs.org, "Timers"). */
const MAX_TIMER_MS = 2 ** 31 - 1;

const within = (delayMs: number) => Math.min(Math.max(0, delayMs), MAX_TIMER_MS);

/** The host's clock. A delay above 24.8 days is shortened to that. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(task, delayMs) {
    const timer = setTimeout(task, within(delayMs)).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  sleep: (delayMs, signal) =>
    sleep(within(delayMs), undefined, { signal, ref: false }).catch(() => undefined),
};
