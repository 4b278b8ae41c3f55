/**
 * A token bucket whose whole state is one number, so that it can be kept in a memory on disk: the moment at which
 * the bucket is full again, in ms on the caller's clock. 0 is a full bucket.
 */
export interface RateLimit {
  /** Tokens in a full bucket. */
  burst: number;
  /** Time in which one token is added, in ms. */
  refillMs: number;
}

/** Time until the bucket is full. Capped, so that a clock that was set back costs one full refill at most. */
const refillTimeMs = (fullAt: number, { burst, refillMs }: RateLimit, now: number) =>
  Math.min(Math.max(fullAt - now, 0), burst * refillMs);

/** Tolerance for sums of fractions of a ms: exactly `burst` tokens must always be granted. */
const ROUNDING_MS = 1e-6;

/** Takes `amount` tokens. Returns the bucket's new state, or null if it holds fewer. */
export function tryTake(fullAt: number, amount: number, limit: RateLimit, now: number): number | null {
  const refillMs = refillTimeMs(fullAt, limit, now) + amount * limit.refillMs;
  return refillMs > limit.burst * limit.refillMs + ROUNDING_MS ? null : now + refillMs;
}

/** When one token is available: `now` or later, in ms. */
export function nextTokenAt(fullAt: number, limit: RateLimit, now: number): number {
  return now + Math.max(0, refillTimeMs(fullAt, limit, now) - (limit.burst - 1) * limit.refillMs);
}
