/**
 * How long each agent has been silent. Time in which this process did not run (suspended host, stalled loop) does
 * not count: nobody could have been heard then.
 */

/** A clock that stands still while the process does. It is looked at every second, and a longer gap counts as this much. */
const TICK = 1000;
const MOST_A_TICK = 2000;

export class Heartbeats {
  readonly #heard = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #active = 0;
  #at = performance.now();

  constructor() {
    this.#timer = setInterval(() => this.#now(), TICK).unref();
  }

  #now(): number {
    const now = performance.now();
    this.#active += Math.min(now - this.#at, MOST_A_TICK);
    this.#at = now;
    return this.#active;
  }

  /** The agent reported, or its environment has only just started. */
  record(student: string): void {
    this.#heard.set(student, this.#now());
  }

  forget(student: string): void {
    this.#heard.delete(student);
  }

  /** Milliseconds of silence; null where there is nobody to be heard. */
  sinceMs(student: string): number | null {
    const heard = this.#heard.get(student);
    return heard === undefined ? null : this.#now() - heard;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
