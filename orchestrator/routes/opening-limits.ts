/**
 * How often one student's links may open. Opening and closing cost calls at the edge, and all students share its budget:
 * one environment whose reports flap must not use it up.
 */
import { nextTokenAt, type RateLimit, tryTake } from '../token-bucket.ts';

/** No student opens links more often. */
export const OPENING_LIMIT: RateLimit = { burst: 20, refillMs: 10_000 };

/** Openings that each student may have in any case. Further ones take from what all students share. */
const ORDINARY_USE: RateLimit = { burst: 5, refillMs: 120_000 };

/** Takes an opening from those that all students share. Null if there is one, else when: ms since 1970. */
export type TakeShared = (now: number) => number | null;

/** The state of a student's token buckets. */
export interface OpeningBuckets {
  /** Of `OPENING_LIMIT`. */
  tokensFullAt: number;
  /** Of `ORDINARY_USE`. */
  ordinaryFullAt: number;
}

/** Takes one opening. Returns the buckets' new state, or when there is one: ms since 1970. */
export function takeOpening(
  { tokensFullAt, ordinaryFullAt }: OpeningBuckets,
  takeShared: TakeShared,
  now: number,
): OpeningBuckets | number {
  const limited = tryTake(tokensFullAt, 1, OPENING_LIMIT, now);
  if (limited === null) return nextTokenAt(tokensFullAt, OPENING_LIMIT, now);
  const ordinary = tryTake(ordinaryFullAt, 1, ORDINARY_USE, now);
  if (ordinary !== null) return { tokensFullAt: limited, ordinaryFullAt: ordinary };
  return takeShared(now) ?? { tokensFullAt: limited, ordinaryFullAt };
}
