/**
 * When a run is due though the desired state is the same: a grace period is over, the outcome of a call is unknown,
 * the zone has room again, or a run failed that no route retries.
 */
import { backoff } from '../../../backoff.ts';
import type { Clock, Timer } from '../../../clock.ts';

export class RunScheduler {
  readonly #clock: Clock;
  readonly #rechecks = new Set<Timer>();
  #grace: Timer | null = null;
  #again: Timer | null = null;
  /** Consecutive failures of runs, as reported by `failed`. */
  #failures = 0;
  /** A call timed out, and can't arrive any more: its outcome has to be read. */
  #mustRecheck = false;
  /** Nothing was read since this process started, or since the outcome of a call was unknown. */
  #isUnread = true;
  /** As it was before the run that has begun. */
  #before = { mustRecheck: false, isUnread: true };
  #due: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  onRunDue(due: () => void): void {
    this.#due = due;
  }

  /** Whether a call in flight may still change what is at Cloudflare. */
  get hasCallInFlight(): boolean {
    return this.#mustRecheck || this.#rechecks.size > 0;
  }

  /** A run begins: returns whether it must read everything first. With `forceRead` it does in any case. */
  beginRun(forceRead: boolean): boolean {
    this.#before = { mustRecheck: this.#mustRecheck, isUnread: this.#isUnread };
    const mustRead = forceRead || this.#mustRecheck || this.#isUnread;
    if (mustRead) this.#isUnread = true;
    this.#mustRecheck = false;
    return mustRead;
  }

  /** The run has got to its end, so that what it had to read was read. Not called for one that fails. */
  endRun(): void {
    this.#isUnread = false;
    this.#failures = 0;
    this.#callOff();
    // Since this run began: it may have read too early.
    if (this.#mustRecheck) this.recheckAfter(0);
  }

  /** The run turned out to be a dry run: what the next one had to read, it still has to. */
  cancelRun(): void {
    this.#isUnread = this.#before.isUnread;
    this.#mustRecheck ||= this.#before.mustRecheck;
  }

  /** A call timed out that may still be carried out for `afterMs`: a run is due then, and reads everything. */
  recheckAfter(afterMs: number): void {
    const timer = this.#clock.setTimer(() => {
      this.#rechecks.delete(timer);
      this.#mustRecheck = true;
      this.#due();
    }, afterMs);
    this.#rechecks.add(timer);
  }

  /** The first grace period is over in that many ms; null without one. */
  expectGrace(inMs: number | null): void {
    this.#grace?.cancel();
    this.#grace = inMs === null ? null : this.#clock.setTimer(() => this.#due(), Math.max(0, inMs) + 1);
  }

  /** A run is due in that many ms, instead of at the time that was set before. */
  again(inMs: number): void {
    this.#callOff();
    this.#again = this.#clock.setTimer(() => this.#due(), inMs);
  }

  /** A run failed that no route retries. `afterMs`: how long to wait, where that is known. */
  failed(afterMs: number | undefined): void {
    this.#failures += 1;
    this.again(afterMs ?? backoff(this.#failures));
  }

  #callOff(): void {
    this.#again?.cancel();
    this.#again = null;
  }

  stop(): void {
    this.expectGrace(null);
    this.#callOff();
    for (const timer of this.#rechecks) timer.cancel();
    this.#rechecks.clear();
  }
}
