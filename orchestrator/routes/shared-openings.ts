/**
 * Openings beyond ordinary use, which all students share: each costs calls at the edge. Where none is left, students
 * queue, each with one place, so that the students who open and close in a loop wait for one another, and delay no other student.
 */
import type { RateLimit } from '../token-bucket.ts';

export class SharedOpenings {
  /** Null: as many as students like. */
  readonly #limit: RateLimit | null;
  /** When the bucket is full again, places in the queue included; ms since 1970. */
  #fullAt = 0;
  /** When each student of the queue may open; ms since 1970. */
  readonly #places = new Map<string, number>();

  constructor(limit: RateLimit | null) {
    this.#limit = limit;
  }

  /** Null if the student may open a link now. Otherwise when to ask again, in ms since 1970; the place is kept. */
  take(student: string, now: number): number | null {
    if (this.#limit === null) return null;
    const place = this.#places.get(student);
    if (place !== undefined) {
      if (place > now) return place;
      this.#places.delete(student);
      return null;
    }
    const { burst, refillMs } = this.#limit;
    // Never further ahead than the queue is long, so that a clock that was set back keeps no student waiting.
    const longestMs = (burst + this.#places.size) * refillMs;
    this.#fullAt = Math.min(Math.max(this.#fullAt, now), now + longestMs) + refillMs;
    const opensAt = this.#fullAt - burst * refillMs;
    if (opensAt <= now) return null;
    this.#places.set(student, opensAt);
    return opensAt;
  }

  /** The student is removed. */
  forget(student: string): void {
    this.#places.delete(student);
  }
}
