/** When an open route is checked, and when no longer. */
import { type Confirmation, type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { ReadinessChecks } from '../../../../orchestrator/routes/readiness.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const route = {
  id: routeId('alice'),
  owner: 'alice',
  hostname: 'alice.test',
  origin: 'http://127.0.0.1:3001',
};
const problem = { code: 'edge', what: 'No.', next: 'Wait.' } as const;

function checksWith(confirm: (signal: AbortSignal) => Promise<Confirmation>) {
  const checked: string[] = [];
  const changed: string[] = [];
  const edge: Pick<Edge, 'confirm'> = {
    confirm: ({ id }, signal) => {
      checked.push(id);
      return confirm(signal);
    },
  };
  const clock = new ManualClock();
  const checks = new ReadinessChecks(edge as Edge, clock, (id) => changed.push(id));
  return { checks, clock, checked, changed };
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
