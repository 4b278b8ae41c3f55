/** Who learns of a problem: the command that removes a student, and the log, once per problem. */
import { pino } from 'pino';
import { type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { Reconciler } from '../../../../orchestrator/routes/reconciler.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemoryEdge, problem } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';

/** Longer than a run: batch window and latency. */
const RUN_MS = 100;
const LEFTOVER = '40 the edge may still have a rule or DNS record of a removed link: No.';

let clock: ManualClock;
let edge: MemoryEdge;
let reconciler: Reconciler;
/** The log's lines, as `LEVEL MESSAGE`. */
let logged: string[];

const phase = (student: string) => reconciler.phase(routeId(student)).phase;

/** Advances the clock until `work` is done. */
async function finish<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => {});
  await clock.advance(2 * RUN_MS);
  return work;
}
const repair = () => finish(reconciler.reconcile(true));
const unregister = (student: string) => finish(reconciler.unregister(routeId(student)));

async function open(student: string): Promise<void> {
  reconciler.register(ownRoute(student));
  reconciler.setDesired(routeId(student), true);
  await clock.advance(RUN_MS);
  expect(phase(student)).toBe('open');
}

beforeEach(() => {
  clock = new ManualClock();
  edge = new MemoryEdge(clock);
  logged = [];
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    logged.push(`${level} ${msg}`);
  };
  reconciler = new Reconciler({
    edge: edge as unknown as Edge,
    clock,
    log: pino({}, { write }),
    onChange: () => {},
  });
  reconciler.start();
});

afterEach(() => finish(reconciler.stop()));

test('when `unregister` resolves, the edge no longer has the route', async () => {
  await open('a');
  expect(await unregister('a')).toBeNull();
  expect(edge.open.size).toBe(0);
  expect(phase('a')).toBe('closed');
});

test('a problem that keeps a link from closing is logged once', async () => {
  await open('a');
  edge.fail = () => 'refused';
  reconciler.setDesired(routeId('a'), false);
  await clock.advance(RUN_MS);
  expect(reconciler.phase(routeId('a')).problem).toEqual(problem);
  await repair();
  expect(phase('a')).toBe('closing');
  expect(logged).toEqual(['40 link closing: No.']);
});

test('a removal that the edge refuses returns the problem; the log has it once, and its end', async () => {
  await open('a');
  edge.fail = () => 'refused';
  expect(await unregister('a')).toEqual(problem);
  await repair();
  await repair();
  expect(await unregister('a')).toEqual(problem);
  expect(logged).toEqual([LEFTOVER]);
  edge.fail = () => 'applied';
  await repair();
  expect(logged).toEqual([LEFTOVER, '30 the edge has nothing of the removed link any more']);
  expect(await unregister('a')).toBeNull();
});

test('a removal while the edge does not answer returns that; a student created again is a new one', async () => {
  await open('a');
  reconciler.register(ownRoute('b'));
  edge.runProblem = {
    code: 'edge',
    what: 'No answer for 2 s.',
    next: 'Wait.',
    until: '2026-01-01T00:00:02Z',
  };
  expect(await unregister('a')).toEqual(edge.runProblem);
  edge.runProblem = {
    code: 'edge',
    what: 'No answer for 1 s.',
    next: 'Wait.',
    until: '2026-01-01T00:00:03Z',
  };
  await repair().catch(() => {});
  expect(logged).toHaveLength(1);
  reconciler.register(ownRoute('a'));
  edge.runProblem = null;
  await repair();
  expect(logged).toHaveLength(1);
});

test('leftovers of a student who was removed before this process started are logged too', async () => {
  edge.open.add('ghost');
  edge.fail = () => 'retry';
  await repair();
  await repair();
  expect(logged).toEqual([LEFTOVER]);
});
