/** What becomes of a route is told: to whoever waits for a student to be gone, and in the log, once. */
import { pino } from 'pino';
import { type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { Reconciler } from '../../../../orchestrator/routes/reconciler.ts';
import { MemoryEdge, problem } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';
import { waitFor } from '../../../support/wait.ts';

let edge: MemoryEdge;
let publisher: Reconciler;
/** The log's lines, as `level message`. */
let logged: string[];

const route = (student: string) => ownRoute(student);
const phase = (student: string) => publisher.phase(routeId(student)).phase;

beforeEach(() => {
  edge = new MemoryEdge();
  logged = [];
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    logged.push(`${level} ${msg}`);
  };
  publisher = new Reconciler({
    edge: edge as unknown as Edge,
    log: pino({}, { write }),
    onChange: () => {},
  });
  publisher.start();
});

afterEach(() => publisher.stop());

test('a student who goes is gone from the edge when `release` resolves', async () => {
  publisher.register(route('a'));
  publisher.setDesired(routeId('a'), true);
  await waitFor('the route', () => phase('a') === 'open');
  expect(await publisher.unregister(routeId('a'))).toBeNull();
  expect(edge.open.size).toBe(0);
  expect(phase('a')).toBe('closed');
});

test('what keeps a link from closing is in the log, once', async () => {
  publisher.register(route('a'));
  publisher.setDesired(routeId('a'), true);
  await waitFor('the route', () => phase('a') === 'open');
  edge.fail = () => 'refused';
  publisher.setDesired(routeId('a'), false);
  await waitFor('the refusal', () => publisher.phase(routeId('a')).problem !== null);
  await publisher.reconcile(true);
  expect(phase('a')).toBe('closing');
  expect(logged).toEqual(['40 link closing: No.']);
});

test('a student who goes while the edge refuses is told why something is left; the log says so once, and when it is over', async () => {
  publisher.register(route('a'));
  publisher.setDesired(routeId('a'), true);
  await waitFor('the route', () => phase('a') === 'open');
  edge.fail = () => 'refused';
  expect(await publisher.unregister(routeId('a'))).toEqual(problem);
  await publisher.reconcile(true);
  await publisher.reconcile(true);
  expect(await publisher.unregister(routeId('a'))).toEqual(problem);
  const left = '40 something may be left at the edge of a name that nobody uses: No.';
  expect(logged).toEqual([left]);
  edge.fail = () => 'applied';
  await publisher.reconcile(true);
  expect(logged).toEqual([left, '30 nothing is left any more at the edge of a name that nobody uses']);
  expect(await publisher.unregister(routeId('a'))).toBeNull();
});

test('a student who goes while the edge is away hears that, and one who comes back meanwhile is a new one', async () => {
  publisher.register(route('a'));
  publisher.register(route('b'));
  publisher.setDesired(routeId('a'), true);
  await waitFor('the route', () => phase('a') === 'open');
  edge.whole = { code: 'edge', what: 'Away for 2 s.', next: 'Wait.', until: '2026-01-01T00:00:02Z' };
  expect(await publisher.unregister(routeId('a'))).toEqual(edge.whole);
  edge.whole = { code: 'edge', what: 'Away for 1 s.', next: 'Wait.', until: '2026-01-01T00:00:03Z' };
  await publisher.reconcile(true).catch(() => {});
  expect(logged).toHaveLength(1);
  publisher.register(route('a'));
  edge.whole = null;
  await publisher.reconcile(true);
  expect(logged).toHaveLength(1);
});

test('what is left of somebody who was gone before is in the log too', async () => {
  edge.open.add('ghost');
  edge.fail = () => 'retry';
  await publisher.reconcile(true);
  await publisher.reconcile(true);
  expect(logged).toEqual(['40 something may be left at the edge of a name that nobody uses: No.']);
});
