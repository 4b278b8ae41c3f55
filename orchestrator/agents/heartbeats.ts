/**
 * How long each agent has been silent. Time in which this process did not run (suspended host, blocked event loop)
 * does not count, since no report could have been read then.
 */
import type { Clock, Timer } from '../clock.ts';

/** The clock is read this often; a longer gap between two reads counts as `MAX_GAP_MS`. */
const TICK_MS = 1000;
const MAX_GAP_MS = 2000;

export class Heartbeats {
  readonly #clock: Clock;
  readonly #lastHeardMs = new Map<string, number>();
  #timer: Timer;
  #activeMs = 0;
  #readAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#readAtMs = clock.monotonicMs();
    this.#timer = this.#nextTick();
  }

  #nextTick(): Timer {
    return this.#clock.setTimer(() => {
      this.#readActiveMs();
      this.#timer = this.#nextTick();
    }, TICK_MS);
  }

  /** Time in which this process was running, in ms. */
  #readActiveMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#activeMs += Math.min(nowMs - this.#readAtMs, MAX_GAP_MS);
    this.#readAtMs = nowMs;
    return this.#activeMs;
  }

  /** The agent has reported, or its environment has just started. */
  record(student: string): void {
    this.#lastHeardMs.set(student, this.#readActiveMs());
  }

  forget(student: string): void {
    this.#lastHeardMs.delete(student);
  }

  /** Milliseconds since the last heartbeat; null for a student without a running environment. */
  sinceMs(student: string): number | null {
    const lastHeardMs = this.#lastHeardMs.get(student);
    return lastHeardMs === undefined ? null : this.#readActiveMs() - lastHeardMs;
  }

  stop(): void {
    this.#timer.cancel();
  }
}
