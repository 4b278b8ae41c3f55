/**
 * A token bucket as one number, which a memory that is kept on disk can hold: until when what was used is paid
 * back, in ms on the clock that `now` is of. 0 at first.
 */
export interface RateLimit {
  /** So much at once. */
  burst: number;
  /** One comes back in so many ms. */
  refillMs: number;
}

/** A clock that was set back makes nobody wait for longer than a full debt. */
const debtOf = (paidAt: number, { burst, refillMs }: RateLimit, now: number) =>
  Math.min(Math.max(paidAt - now, 0), burst * refillMs);

/** Sums of fractions of a ms are not exact: what is as much as is allowed must not seem more. In ms. */
const ROUNDING = 1e-6;

/** Uses `amount`, at most `atOnce`: the new number; null where there is not as much left. */
export function tryTake(paidAt: number, amount: number, pace: RateLimit, now: number): number | null {
  const debt = debtOf(paidAt, pace, now) + amount * pace.refillMs;
  return debt > pace.burst * pace.refillMs + ROUNDING ? null : now + debt;
}

/** When one may be used: `now` or later. */
export function nextTokenAt(paidAt: number, pace: RateLimit, now: number): number {
  return now + Math.max(0, debtOf(paidAt, pace, now) - (pace.burst - 1) * pace.refillMs);
}
