/** When an open route is checked, and checked again while it is live, and when no longer. */
import { type Confirmation, type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { ReadinessChecks } from '../../../../orchestrator/routes/readiness.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const route = {
  id: routeId('alice'),
  owner: 'alice',
  hostname: 'alice.test',
  origin: 'http://127.0.0.1:3001',
  relayKey: null,
};
const problem = { code: 'edge', what: 'No.', next: 'Wait.' } as const;

function checksWith(confirm: (signal: AbortSignal) => Promise<Confirmation>) {
  const checked: string[] = [];
  const changed: string[] = [];
  const rechecked: string[] = [];
  let recheck: (signal: AbortSignal) => Promise<Confirmation> = async () => ({ kind: 'live' });
  const edge: Pick<Edge, 'confirm' | 'recheck'> = {
    recheck: ({ id }, signal) => {
      rechecked.push(id);
      return recheck(signal);
    },
    confirm: ({ id }, signal) => {
      checked.push(id);
      return confirm(signal);
    },
  };
  const clock = new ManualClock();
  const checks = new ReadinessChecks(edge as Edge, clock, (id) => changed.push(id));
  return {
    checks,
    clock,
    checked,
    rechecked,
    changed,
    setRecheck: (next: typeof recheck) => {
      recheck = next;
    },
  };
}

test('checks once, and reports when the route is live', async () => {
  const { checks, clock, checked, changed } = checksWith(async () => ({ kind: 'live' }));
  checks.begin(route);
  checks.begin(route);
  await clock.advance(0);
  expect(checked).toEqual(['alice']);
  expect(changed).toEqual(['alice']);
  expect(checks.view(route.id).live).toBe(true);
});

test('checks and reports nothing after it has stopped', async () => {
  const { checks, clock, checked, changed } = checksWith(async () => ({ kind: 'live' }));
  checks.begin(route);
  checks.stop();
  checks.begin(route);
  await clock.advance(0);
  expect(checked).toEqual(['alice']);
  expect(changed).toEqual([]);
});

test('a route that is not live is checked again, until it is or its check ends', async () => {
  const { checks, clock, checked } = checksWith(async () => ({ kind: 'not-live', problem }));
  checks.begin(route);
  await clock.advance(0);
  expect(checks.view(route.id)).toEqual({ live: false, problem });
  await clock.advance(500);
  expect(checked).toHaveLength(2);
  checks.end(route.id);
  await clock.advance(60_000);
  expect(checked).toHaveLength(2);
  expect(checks.view(route.id)).toEqual({ live: false, problem: null });
});

test('a check that takes too long is told to return what is known', async () => {
  const { checks, clock } = checksWith(
    (signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve({ kind: 'not-live', problem })),
      ),
  );
  checks.begin(route);
  await clock.advance(19_999);
  expect(checks.view(route.id).problem).toBeNull();
  await clock.advance(1);
  expect(checks.view(route.id).problem).toEqual(problem);
});

test('a live route is checked again every 10 to 20 s, without a report while it stays live', async () => {
  const { checks, clock, checked, rechecked, changed } = checksWith(async () => ({ kind: 'live' }));
  checks.begin(route);
  await clock.advance(9_999);
  expect(rechecked).toHaveLength(0);
  await clock.advance(200_000);
  expect(rechecked.length).toBeGreaterThanOrEqual(10);
  expect(rechecked.length).toBeLessThanOrEqual(21);
  expect([checked, changed]).toEqual([['alice'], ['alice']]);
  checks.end(route.id);
  expect(clock.pendingTimers).toBe(0);
});

test('a class that opened together is not checked together', async () => {
  const { checks, clock, rechecked } = checksWith(async () => ({ kind: 'live' }));
  for (let index = 0; index < 30; index += 1) checks.begin({ ...route, id: routeId(`student-${index}`) });
  let most = 0;
  for (let second = 0; second < 40; second += 1) {
    const before = rechecked.length;
    await clock.advance(1000);
    most = Math.max(most, rechecked.length - before);
  }
  expect(new Set(rechecked).size).toBe(30);
  expect(most).toBeLessThan(15);
});

test('a live route that no longer answers is reported with the problem, and again when it answers', async () => {
  const { checks, clock, checked, changed, setRecheck } = checksWith(async () => ({ kind: 'live' }));
  checks.begin(route);
  await clock.advance(0);
  setRecheck(async () => ({ kind: 'not-live', problem }));
  while (changed.length === 1) await clock.advance(clock.msToNextTimer ?? 0);
  expect(checks.view(route.id)).toEqual({ live: false, problem });
  await clock.advance(500);
  expect(checks.view(route.id)).toEqual({ live: true, problem: null });
  expect([checked.length, changed.length]).toEqual([2, 3]);
});

test('a live route that answers nothing at all is not live 10 s after its check began', async () => {
  const { checks, clock, rechecked, setRecheck } = checksWith(async () => ({ kind: 'live' }));
  checks.begin(route);
  await clock.advance(0);
  setRecheck(
    (signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve({ kind: 'not-live', problem })),
      ),
  );
  while (rechecked.length === 0) await clock.advance(clock.msToNextTimer ?? 0);
  await clock.advance(9_999);
  expect(checks.view(route.id).live).toBe(true);
  await clock.advance(1);
  expect(checks.view(route.id)).toEqual({ live: false, problem });
});
