/** Runs of the edge: one at a time, each with all changes of the moment; no route delays another. */
import { pino } from 'pino';
import { type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { Reconciler } from '../../../../orchestrator/routes/reconciler.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemoryEdge, problem } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';

/** Longer than a run: batch window and latency. */
const RUN_MS = 100;

let clock: ManualClock;
let edge: MemoryEdge;
let reconciler: Reconciler;
let changes: string[];

const setDesired = (student: string, desired: boolean) => reconciler.setDesired(routeId(student), desired);
const view = (student: string) => reconciler.phase(routeId(student));
const phase = (student: string) => view(student).phase;

function register(...students: string[]): void {
  for (const student of students) reconciler.register(ownRoute(student));
}

/** Repairs, and advances the clock until that is done. */
async function repair() {
  const done = reconciler.reconcile(true);
  done.catch(() => {});
  await clock.advance(RUN_MS);
  return done;
}

beforeEach(() => {
  clock = new ManualClock();
  edge = new MemoryEdge(clock);
  changes = [];
  reconciler = new Reconciler({
    edge: edge as unknown as Edge,
    clock,
    log: pino({ level: 'silent' }),
    onChange: (id) => changes.push(id),
  });
  reconciler.start();
});

afterEach(async () => {
  const stopped = reconciler.stop();
  await clock.advance(1000);
  await stopped;
});

test('thirty links that open together are one run', async () => {
  const students = Array.from({ length: 30 }, (_, index) => `s${index}`);
  register(...students);
  for (const student of students) setDesired(student, true);
  expect(phase('s0')).toBe('opening');
  await clock.advance(RUN_MS);
  expect(students.map(phase)).toEqual(students.map(() => 'open'));
  expect(edge.publications).toBe(1);
  expect(changes.sort()).toEqual(students.sort());
});

test('a change before the snapshot is in the run, a later one in the next run', async () => {
  register('early', 'late', 'later');
  edge.beforeSnapshot = () => {
    edge.beforeSnapshot = () => {};
    setDesired('late', true);
  };
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    setDesired('later', true);
  };
  setDesired('early', true);
  await clock.advance(2 * RUN_MS);
  expect(edge.open.size).toBe(3);
  expect(edge.publications).toBe(2);
  expect(edge.overlapped).toBe(false);
});

test('never two runs at a time, whatever changes meanwhile', async () => {
  const students = ['a', 'b', 'c'];
  register(...students);
  for (let round = 0; round < 40; round += 1) {
    setDesired(students[round % 3] ?? 'a', round % 2 === 0);
    if (round % 10 === 0) void reconciler.reconcile(true);
    await clock.advance(7);
  }
  setDesired('a', true);
  setDesired('b', false);
  setDesired('c', true);
  await clock.advance(10 * RUN_MS);
  expect(students.map(phase)).toEqual(['open', 'closed', 'open']);
  expect([...edge.open].sort()).toEqual(['a', 'c']);
  expect(edge.overlapped).toBe(false);
});

test('a route that fails delays no other, reports its problem, and is retried until it works', async () => {
  register('good', 'bad');
  edge.fail = (student) => (student === 'bad' ? 'retry' : 'applied');
  setDesired('good', true);
  setDesired('bad', true);
  await clock.advance(RUN_MS);
  expect(phase('good')).toBe('open');
  expect(view('bad')).toEqual({ phase: 'opening', problem });
  edge.fail = () => 'applied';
  await clock.advance(500 + RUN_MS);
  expect(view('bad')).toEqual({ phase: 'open', problem: null });
});

test('a route that is refused reports its problem, and is not retried automatically', async () => {
  register('a');
  edge.fail = () => 'refused';
  setDesired('a', true);
  await clock.advance(RUN_MS);
  expect(view('a').problem).toEqual(problem);
  const { publications } = edge;
  await clock.advance(60_000);
  expect(edge.publications).toBe(publications);
});

test('an edge that throws is retried', async () => {
  register('a');
  edge.crash = true;
  setDesired('a', true);
  await clock.advance(RUN_MS);
  expect(view('a').problem?.code).toBe('internal');
  edge.crash = false;
  await clock.advance(500 + RUN_MS);
  expect(phase('a')).toBe('open');
});

test('a student can be removed, and drift repaired, while all other routes keep failing', async () => {
  const students = Array.from({ length: 10 }, (_, index) => `s${index}`);
  register(...students);
  edge.latencyMs = 300;
  edge.fail = () => 'retry';
  for (const student of students) setDesired(student, true);
  await clock.advance(700);
  expect(view('s0').problem).toEqual(problem);
  const before = edge.publications;
  let publications: number | null = null;
  void Promise.all([reconciler.unregister(routeId('s0')), reconciler.reconcile(true)]).then(() => {
    publications = edge.publications - before;
  });
  while (publications === null) await clock.advance(50);
  expect(publications).toBeLessThanOrEqual(3);
});

test('routes that fail together are retried together, with backoff', async () => {
  const students = Array.from({ length: 30 }, (_, index) => `s${index}`);
  register(...students);
  edge.latencyMs = 0;
  edge.fail = () => 'retry';
  for (const student of students) setDesired(student, true);
  while (edge.publications < 4) await clock.advance(5);
  // At least 0.25 s, then 0.5 s, then 1 s: one run for all routes each time.
  expect(clock.monotonicMs()).toBeGreaterThan(1700);
});

test('permission to take over counts for one run', async () => {
  register('a');
  edge.fail = () => 'refused';
  setDesired('a', true);
  reconciler.retryNow(routeId('a'), true);
  await clock.advance(RUN_MS);
  expect(view('a').problem).toEqual(problem);
  await repair();
  expect(edge.adopting).toEqual([['a'], []]);
});

test('permission to take over that comes during a run counts for the next one', async () => {
  register('a');
  edge.fail = () => 'refused';
  setDesired('a', true);
  await clock.advance(RUN_MS);
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    reconciler.retryNow(routeId('a'), true);
  };
  await repair();
  await clock.advance(RUN_MS);
  expect(edge.adopting).toEqual([[], [], ['a']]);
});

test('a route that is removed and registered again during a run does not get the outcome of its predecessor', async () => {
  edge.latencyMs = 50;
  register('a');
  setDesired('a', true);
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    void reconciler.unregister(routeId('a'));
    register('a');
    setDesired('a', true);
  };
  while (edge.publications < 2) await clock.advance(5);
  expect(edge.open.has('a')).toBe(true);
  expect(phase('a')).toBe('opening');
  await clock.advance(RUN_MS);
  expect(phase('a')).toBe('open');
});

test('changes in the snapshot of a repair that throws are published all the same', async () => {
  register('a');
  await repair();
  edge.beforeSnapshot = () => {
    edge.beforeSnapshot = () => {};
    setDesired('a', true);
    edge.crash = true;
  };
  await expect(repair()).rejects.toThrow('a defect');
  edge.crash = false;
  await clock.advance(1000);
  expect(phase('a')).toBe('open');
});

test('a wait that is longer than any timer is not cut short', async () => {
  register('a');
  edge.fail = () => 'retry';
  edge.afterMs = 2 ** 31;
  setDesired('a', true);
  await clock.advance(RUN_MS);
  expect(view('a').problem).toEqual(problem);
  const { publications } = edge;
  await clock.advance(60_000);
  expect(edge.publications).toBe(publications);
});

test('drift is repaired every 5 minutes without any event', async () => {
  register('a');
  setDesired('a', true);
  await clock.advance(RUN_MS);
  for (const round of [1, 2]) {
    edge.open.clear();
    await clock.advance(round * 300_000 - 1 - clock.monotonicMs());
    expect([edge.repairs, [...edge.open]]).toEqual([round - 1, []]);
    await clock.advance(1 + RUN_MS);
    expect([edge.repairs, [...edge.open]]).toEqual([round, ['a']]);
  }
});
