/** Openings that all students share: students who open and close in a loop wait for one another, in order. */
import { SharedOpenings } from '../../../../orchestrator/routes/shared-openings.ts';

const LIMIT = { burst: 2, refillMs: 10_000 };

test('without a limit no student waits', () => {
  const shared = new SharedOpenings(null);
  expect(Array.from({ length: 1000 }, () => shared.take('alice', 0)).every((at) => at === null)).toBe(true);
});

test('a student without openings gets one place, however often the link flaps', () => {
  const shared = new SharedOpenings(LIMIT);
  expect([0, 0, 0, 1, 5000].map((now) => shared.take('mallory', now))).toEqual([
    null,
    null,
    10_000,
    10_000,
    10_000,
  ]);
  expect(shared.take('mallory', 10_000)).toBeNull();
});

test('students queue in order, so that one who flaps delays another by one place', () => {
  const shared = new SharedOpenings({ ...LIMIT, burst: 1 });
  expect(shared.take('mallory', 0)).toBeNull();
  expect(['mallory', 'trudy', 'bob', 'mallory'].map((name) => shared.take(name, 1000))).toEqual([
    10_000, 20_000, 30_000, 10_000,
  ]);
  expect(shared.take('mallory', 10_000)).toBeNull();
  expect(['mallory', 'bob', 'trudy'].map((name) => shared.take(name, 11_000))).toEqual([
    40_000, 30_000, 20_000,
  ]);
});

test('the bucket fills again while no link opens, and no further', () => {
  const shared = new SharedOpenings(LIMIT);
  for (let at = 0; at < 2; at += 1) shared.take('alice', 0);
  expect([20_000, 20_000, 20_000].map((now) => shared.take('bob', now))).toEqual([null, null, 30_000]);
  expect([3_600_000, 3_600_000, 3_600_000].map((now) => shared.take('carol', now))).toEqual([
    null,
    null,
    3_610_000,
  ]);
});

test('a clock that is set back keeps no student waiting longer than the queue', () => {
  const shared = new SharedOpenings(LIMIT);
  shared.take('alice', 1e12);
  expect(shared.take('alice', 0)).toBeLessThanOrEqual(10_000);
});

test('in five minutes, ten students who flap get what is shared, evenly', () => {
  const shared = new SharedOpenings({ burst: 10, refillMs: 7500 });
  const opened = new Map<string, number>();
  for (let now = 0; now < 300_000; now += 50)
    for (let student = 0; student < 10; student += 1)
      if (shared.take(`s${student}`, now) === null)
        opened.set(`s${student}`, (opened.get(`s${student}`) ?? 0) + 1);
  const counts = [...opened.values()];
  const all = counts.reduce((sum, count) => sum + count, 0);
  expect(all).toBeGreaterThanOrEqual(48);
  expect(all).toBeLessThanOrEqual(50);
  // The first ones who ask share the burst.
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(10);
});
