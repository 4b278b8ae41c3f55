/** First and longest pause between tries, in ms. */
const FIRST = 500;
const LONGEST = 60_000;

/**
 * How long to wait before try `attempt` (1 for the second try), in ms: doubling, with full jitter above the half, so
 * that a class that failed together does not come back together.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** (attempt - 1));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}
