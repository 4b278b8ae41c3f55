/** Delays between retries: they double up to a minute, with jitter in the upper half. */
import { backoff } from '../../../orchestrator/backoff.ts';

const highest = (attempt: number) => backoff(attempt, () => 1);
const lowest = (attempt: number) => backoff(attempt, () => 0);

test('the delay doubles from half a second up to a minute', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(highest)).toEqual([
    500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000,
  ]);
  for (const attempt of [9, 50, 2000]) expect(highest(attempt)).toBe(60_000);
});

test('jitter never halves the delay further, so that no retry is immediate', () => {
  for (const attempt of [1, 2, 3, 8, 2000]) expect(lowest(attempt)).toBe(highest(attempt) / 2);
});

test('a class that failed together does not retry together', () => {
  const delays = Array.from({ length: 200 }, () => backoff(8));
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(30_000);
  expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
  // Spread over the whole range: each quarter has some.
  const quarters = new Set(delays.map((delay) => Math.min(3, Math.floor((delay - 30_000) / 7500))));
  expect(quarters.size).toBe(4);
  expect(new Set(delays).size).toBeGreaterThan(150);
});
