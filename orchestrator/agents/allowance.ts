/** A token bucket: how much somebody may still use, refilled steadily. */
export class Allowance {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #at: number;

  /** `most` may be used at once, `perSecond` in the long run. `now` in ms. */
  constructor(perSecond: number, most: number, now: number) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#left = most;
    this.#at = now;
  }

  /** Uses `amount` up; false where that is more than is left. */
  use(amount: number, now: number): boolean {
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    this.#left -= amount;
    return this.#left >= 0;
  }
}
