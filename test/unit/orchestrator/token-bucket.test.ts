/** How much may be used at once, and in the long run. */
import { nextTokenAt, type RateLimit, tryTake } from '../../../orchestrator/token-bucket.ts';

/** Spends one at a time until there is no more; how many that were. `step` ms pass between two. */
function spent(pace: RateLimit, amount: number, { from = 0, step = 0 } = {}): number {
  let paidAt: number | null = 0;
  let now = from;
  for (let count = 0; ; count += 1, now += step) {
    paidAt = tryTake(paidAt, amount, pace, now);
    if (paidAt === null || count > 10_000) return count;
  }
}

test.each<[string, RateLimit, number]>([
  ['whole ms', { burst: 60, refillMs: 50 }, 60],
  ['fractions of one, as with bytes', { burst: 512 * 1024, refillMs: 1000 / (256 * 1024) }, 512],
])('exactly so much at once, on a clock of fractions: %s', (_name, pace, pieces) => {
  const clocks = Array.from({ length: 5000 }, (_, index) => index * 1234.56789);
  expect(new Set(clocks.map((from) => spent(pace, pace.burst / pieces, { from })))).toEqual(
    new Set([pieces]),
  );
  expect(tryTake(0, pace.burst + 1, pace, 1.5)).toBeNull();
});

test('what is slower than it comes back goes on; a clock that was set back costs one full debt at most', () => {
  const pace = { burst: 3, refillMs: 100 };
  expect(spent(pace, 1, { step: 100 })).toBeGreaterThan(10_000);
  const debt = tryTake(0, 3, pace, 1_000_000) ?? 0;
  expect(nextTokenAt(debt, pace, 1_000_000)).toBe(1_000_100);
  expect(nextTokenAt(debt, pace, 500)).toBe(600);
});
