/**
 * Requests in a window, for the whole user. Who asks for more is refused everything for `blockMs`. Headers as the
 * documentation on rate limits describes them; windows are fixed ones, as its "time next window resets" says.
 */

export interface RateLimit {
  requests: number;
  windowMs: number;
  blockMs: number;
}

/** Source: cloudflare.com's "Rate limits": 1,200 in five minutes, then five minutes of 429. */
export const CLOUDFLARE_RATE_LIMIT: RateLimit = { requests: 1200, windowMs: 300_000, blockMs: 300_000 };

const seconds = (ms: number) => Math.max(0, Math.ceil(ms / 1000));

export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  #windowEnds = Number.NEGATIVE_INFINITY;
  #used = 0;
  #blockedUntil = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Counts requests; false if they are refused. Refused ones do not prolong the block. */
  consume(requests = 1): boolean {
    const now = this.#now();
    if (now < this.#blockedUntil) return false;
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + this.#limit.windowMs;
      this.#used = 0;
    }
    this.#used += requests;
    if (this.#used <= this.#limit.requests) return true;
    this.#blockedUntil = now + this.#limit.blockMs;
    // After the block there is a new window.
    this.#windowEnds = this.#blockedUntil;
    return false;
  }

  /** Until when everything is refused, in ms of the clock; null if it is not. */
  get blockedUntil(): number | null {
    return this.#now() < this.#blockedUntil ? this.#blockedUntil : null;
  }

  /** The headers of an answer. */
  headers(): Record<string, string> {
    const { requests, windowMs } = this.#limit;
    const now = this.#now();
    const left = Math.max(0, requests - this.#used);
    const headers: Record<string, string> = {
      ratelimit: `"default";r=${left};t=${seconds(this.#windowEnds - now)}`,
      'ratelimit-policy': `"default";q=${requests};w=${seconds(windowMs)}`,
    };
    if (now < this.#blockedUntil) headers['retry-after'] = String(seconds(this.#blockedUntil - now));
    return headers;
  }
}
