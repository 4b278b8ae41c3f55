/**
 * Limits a user's requests per time window. A user who exceeds the limit is blocked for `blockMs`. Headers are as in
 * Cloudflare's documentation on rate limits; windows are fixed, since that mentions the "time next window resets".
 */

export interface RateLimit {
  requests: number;
  windowMs: number;
  blockMs: number;
}

/** 1,200 requests in five minutes, then five minutes of 429 (Cloudflare's documentation, "Rate limits"). */
export const CLOUDFLARE_RATE_LIMIT: RateLimit = { requests: 1200, windowMs: 300_000, blockMs: 300_000 };

const seconds = (ms: number) => Math.max(0, Math.ceil(ms / 1000));

export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #now: () => number;
  #windowEndsAt = Number.NEGATIVE_INFINITY;
  #used = 0;
  #blockedUntil = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Counts requests and returns whether they are allowed. Refused requests do not extend the block. */
  consume(requests = 1): boolean {
    const now = this.#now();
    if (now < this.#blockedUntil) return false;
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + this.#limit.windowMs;
      this.#used = 0;
    }
    this.#used += requests;
    if (this.#used <= this.#limit.requests) return true;
    this.#blockedUntil = now + this.#limit.blockMs;
    // The next request after the block starts a new window.
    this.#windowEndsAt = this.#blockedUntil;
    return false;
  }

  /** When the block ends, in ms of the clock; null if there is none. */
  get blockedUntil(): number | null {
    return this.#now() < this.#blockedUntil ? this.#blockedUntil : null;
  }

  /** The rate limit headers of a response. */
  headers(): Record<string, string> {
    const { requests, windowMs } = this.#limit;
    const now = this.#now();
    const remaining = Math.max(0, requests - this.#used);
    const headers: Record<string, string> = {
      ratelimit: `"default";r=${remaining};t=${seconds(this.#windowEndsAt - now)}`,
      'ratelimit-policy': `"default";q=${requests};w=${seconds(windowMs)}`,
    };
    if (now < this.#blockedUntil) headers['retry-after'] = String(seconds(this.#blockedUntil - now));
    return headers;
  }
}
