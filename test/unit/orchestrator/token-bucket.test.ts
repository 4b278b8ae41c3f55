/** How many tokens a bucket grants at once, and in the long run. */
import { nextTokenAt, type RateLimit, tryTake } from '../../../orchestrator/token-bucket.ts';

/** How often `amount` tokens can be taken. `step` ms pass in between. */
function countTakes(limit: RateLimit, amount: number, { from = 0, step = 0 } = {}): number {
  let fullAt: number | null = 0;
  let now = from;
  for (let count = 0; ; count += 1, now += step) {
    fullAt = tryTake(fullAt, amount, limit, now);
    if (fullAt === null || count > 10_000) return count;
  }
}

test.each<[string, RateLimit, number]>([
  ['whole ms', { burst: 60, refillMs: 50 }, 60],
  ['fractions of a ms, as for bytes', { burst: 512 * 1024, refillMs: 1000 / (256 * 1024) }, 512],
])('grants exactly one burst at once, on a clock with fractions: %s', (_name, limit, pieces) => {
  const clocks = Array.from({ length: 5000 }, (_, index) => index * 1234.56789);
  expect(new Set(clocks.map((from) => countTakes(limit, limit.burst / pieces, { from })))).toEqual(
    new Set([pieces]),
  );
  expect(tryTake(0, limit.burst + 1, limit, 1.5)).toBeNull();
});

test('a use at the refill rate never ends; a clock that was set back costs one full refill at most', () => {
  const limit = { burst: 3, refillMs: 100 };
  expect(countTakes(limit, 1, { step: 100 })).toBeGreaterThan(10_000);
  const fullAt = tryTake(0, 3, limit, 1_000_000) ?? 0;
  expect(nextTokenAt(fullAt, limit, 1_000_000)).toBe(1_000_100);
  expect(nextTokenAt(fullAt, limit, 500)).toBe(600);
});
