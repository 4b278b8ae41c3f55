/** Exponential backoff between retries. */

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 60_000;

/**
 * Time to wait after failure number `attempt` (1 for the first), in ms. It doubles each time; the upper half is
 * jitter, so that a class whose links failed together does not retry together.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceilingMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return Math.round(ceilingMs / 2 + (ceilingMs / 2) * random());
}
