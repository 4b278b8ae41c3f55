/** The pauses between tries: they double up to a minute, and each is somewhere between its half and its whole. */
import { backoff } from '../../../orchestrator/backoff.ts';

const longest = (attempt: number) => backoff(attempt, () => 1);
const shortest = (attempt: number) => backoff(attempt, () => 0);

test('they grow from half a second, each twice as long as the one before, up to a minute', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(longest)).toEqual([
    500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000,
  ]);
  for (const attempt of [9, 50, 2000]) expect(longest(attempt)).toBe(60_000);
});

test('none is shorter than the half: whoever fails does not come back at once', () => {
  for (const attempt of [1, 2, 3, 8, 2000]) expect(shortest(attempt)).toBe(longest(attempt) / 2);
});

test('a class that failed together does not come back together', () => {
  const pauses = Array.from({ length: 200 }, () => backoff(8));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(30_000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000);
  // All over the range, and no two of one mind: each quarter of it has some.
  const quarters = new Set(pauses.map((pause) => Math.min(3, Math.floor((pause - 30_000) / 7500))));
  expect(quarters.size).toBe(4);
  expect(new Set(pauses).size).toBeGreaterThan(150);
});
