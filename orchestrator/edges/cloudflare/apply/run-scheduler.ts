/**
 * When a run is due though nobody's wish has changed: a grace that is over, a call whose outcome is in doubt, room that
 * was made in the zone, a failure that nobody else would have tried again.
 */
import { backoff } from '../../../backoff.ts';
import { startTimer } from '../../../timer.ts';

export class RunScheduler {
  readonly #doubts = new Set<NodeJS.Timeout>();
  #grace: NodeJS.Timeout | null = null;
  #again: NodeJS.Timeout | null = null;
  /** Failures one after the other, of runs that `failed` was told of. */
  #failures = 0;
  /** A call was given up, and can't arrive any more. */
  #isInDoubt = false;
  /** Nothing was read since this process began, or since something was in doubt. */
  #isUnread = true;
  /** As it was before the run that has begun. */
  #before = { isInDoubt: false, isUnread: true };
  #due: () => void = () => {};

  onRunDue(due: () => void): void {
    this.#due = due;
  }

  /** Whether something may still change what is there without us. */
  get isUnsettled(): boolean {
    return this.#isInDoubt || this.#doubts.size > 0;
  }

  /** A run begins: returns whether it must read everything first. With `forceRead` it does in any case. */
  beginRun(forceRead: boolean): boolean {
    this.#before = { isInDoubt: this.#isInDoubt, isUnread: this.#isUnread };
    const mustRead = forceRead || this.#isInDoubt || this.#isUnread;
    if (mustRead) this.#isUnread = true;
    this.#isInDoubt = false;
    return mustRead;
  }

  /** The run has got to its end, so that what it had to read was read. Not called for one that fails. */
  endRun(): void {
    this.#isUnread = false;
    this.#failures = 0;
    this.#callOff();
    // In doubt since this run began: it may have read too early.
    if (this.#isInDoubt) this.recheckAfter(0);
  }

  /** The run turned out to be a dry run: what the next one had to read, it still has to. */
  cancelRun(): void {
    this.#isUnread = this.#before.isUnread;
    this.#isInDoubt ||= this.#before.isInDoubt;
  }

  /** A call was given up that may still be carried out until `afterMs` from now: then it is looked at again. */
  recheckAfter(afterMs: number): void {
    const timer = startTimer(() => {
      this.#doubts.delete(timer);
      this.#isInDoubt = true;
      this.#due();
    }, afterMs);
    this.#doubts.add(timer);
  }

  /** The first grace is over in that many ms; null where none runs. */
  expectGrace(inMs: number | null): void {
    if (this.#grace !== null) clearTimeout(this.#grace);
    this.#grace = inMs === null ? null : startTimer(() => this.#due(), Math.max(0, inMs) + 1);
  }

  /** A run is due in that many ms, in place of one that was planned so before. */
  again(inMs: number): void {
    this.#callOff();
    this.#again = startTimer(() => this.#due(), inMs);
  }

  /** A run has failed, and nobody is there who would have it tried again. `afterMs` where it is known how long to wait. */
  failed(afterMs: number | undefined): void {
    this.#failures += 1;
    this.again(afterMs ?? backoff(this.#failures));
  }

  #callOff(): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
  }

  stop(): void {
    this.expectGrace(null);
    this.#callOff();
    for (const timer of this.#doubts) clearTimeout(timer);
    this.#doubts.clear();
  }
}
