/**
 * How many calls we may still make. Cloudflare counts 1,200 in 5 minutes for the whole user, dashboard included, and
 * then refuses everything for 5 minutes (developers.cloudflare.com, "Rate limits"): so we stay below a share of it,
 * and believe what its headers say is left.
 */
import type { Clock } from '../../../clock.ts';
import type { RateLimit } from '../../../token-bucket.ts';
import { ApiFailure, MAX_WAIT_MS } from './failures.ts';

/** Calls of a run in which nothing fails, and one more read: no run begins without them. */
export const CALLS_OF_A_RUN = 6;

/** Most calls of an opening and the closing after it: a read and a write each, and one to check whether it is live. */
const CALLS_OF_AN_OPENING = 5;

/** The part of the budget for openings beyond ordinary use. */
const SHARED_PART = 1 / 3;

/** With fewer calls left by Cloudflare's own count we wait for its window: the dashboard needs some too. */
const RESERVED_CALLS = 10;

export interface BudgetOptions {
  /** Calls in a window. */
  calls: number;
  windowMs: number;
  clock: Clock;
}

export class Budget {
  readonly #options: BudgetOptions;
  /** When each call of the current window was made, oldest first. */
  #made: number[] = [];
  #blockedUntil = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  #forget(now: number): void {
    const from = now - this.#options.windowMs;
    const first = this.#made.findIndex((at) => at > from);
    this.#made = first < 0 ? [] : this.#made.slice(first);
  }

  /** How long to wait until `calls` more may be made, in ms; 0 for now. */
  waitMs(calls = 1): number {
    const now = this.#options.clock.monotonicMs();
    this.#forget(now);
    const blocked = Math.max(0, this.#blockedUntil - now);
    const over = this.#made.length + calls - this.#options.calls;
    if (over <= 0) return blocked;
    const frees = this.#made[Math.min(over, this.#made.length) - 1] ?? now;
    return Math.max(blocked, frees + this.#options.windowMs - now);
  }

  /** Whether calls that only read may be made: a quarter is kept for those that open and close links. */
  get isAmple(): boolean {
    return this.waitMs(Math.ceil(this.#options.calls / 4)) === 0;
  }

  /** How many openings beyond ordinary use the budget bears; a quarter of a window's at once. */
  get sharedOpenings(): RateLimit {
    const { calls, windowMs } = this.#options;
    const openings = Math.max(1, Math.floor((calls * SHARED_PART) / CALLS_OF_AN_OPENING));
    return { burst: Math.ceil(openings / 4), refillMs: windowMs / openings };
  }

  /** Counts one call. Throws `rate-limited` where it may not be made now. */
  spend(): void {
    const afterMs = this.waitMs();
    if (afterMs > 0) throw new ApiFailure('rate-limited', 'our share of calls is used up', { afterMs });
    this.#made.push(this.#options.clock.monotonicMs());
  }

  /**
   * Applies what an answer says is left: `Ratelimit: "default";r=50;t=30` (r calls within t seconds). Our own share
   * is a part of it: with few left we wait, so that the person at the dashboard does not have to.
   */
  updateFromHeaders(headers: Headers): void {
    const found = headers.get('ratelimit')?.match(/r=(\d+)\s*;\s*t=(\d+)/);
    if (found && Number(found[1]) <= RESERVED_CALLS) this.block(Number(found[2]) * 1000);
  }

  /** No call for that long, in ms, as far as that is believed. */
  block(ms: number): void {
    const until = this.#options.clock.monotonicMs() + Math.min(ms, MAX_WAIT_MS);
    this.#blockedUntil = Math.max(this.#blockedUntil, until);
  }
}
