/** The lock: one publication at a time, company taken in, nobody held up, nobody forgotten. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { pino } from 'pino';
import { type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { Reconciler } from '../../../../orchestrator/routes/reconciler.ts';
import { MemoryEdge, problem } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';
import { waitFor } from '../../../support/wait.ts';

let edge: MemoryEdge;
let publisher: Reconciler;
let changes: string[];
let startedAt: number;

const route = (student: string) => ownRoute(student);
const phase = (student: string) => publisher.phase(routeId(student)).phase;

beforeEach(() => {
  edge = new MemoryEdge();
  changes = [];
  startedAt = performance.now();
  publisher = new Reconciler({
    edge: edge as unknown as Edge,
    log: pino({ level: 'silent' }),
    onChange: (student) => changes.push(student),
  });
  publisher.start();
});

afterEach(() => publisher.stop());

test('thirty who come at once are one publication', async () => {
  const students = Array.from({ length: 30 }, (_, index) => `s${index}`);
  for (const student of students) publisher.register(route(student));
  for (const student of students) publisher.setDesired(routeId(student), true);
  expect(phase('s0')).toBe('opening');
  await waitFor('all to be open', () => students.every((student) => phase(student) === 'open'));
  expect(edge.publications).toBe(1);
  expect(changes.sort()).toEqual(students.sort());
});

test('who comes before the first write is taken in; who comes later is in the next one', async () => {
  publisher.register(route('early'));
  publisher.register(route('late'));
  publisher.register(route('later'));
  edge.beforeSnapshot = () => {
    edge.beforeSnapshot = () => {};
    publisher.setDesired(routeId('late'), true);
  };
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    publisher.setDesired(routeId('later'), true);
  };
  publisher.setDesired(routeId('early'), true);
  await waitFor('all to be open', () => edge.open.size === 3);
  expect(edge.publications).toBe(2);
  expect(edge.overlapped).toBe(false);
});

test('never two at a time, whatever comes and goes meanwhile', async () => {
  const students = ['a', 'b', 'c'];
  for (const student of students) publisher.register(route(student));
  for (let round = 0; round < 40; round += 1) {
    publisher.setDesired(routeId(students[round % 3] ?? 'a'), round % 2 === 0);
    if (round % 10 === 0) void publisher.reconcile(true);
    await sleep(7);
  }
  publisher.setDesired(routeId('a'), true);
  publisher.setDesired(routeId('b'), false);
  publisher.setDesired(routeId('c'), true);
  await waitFor(
    'the last word to be so',
    () => phase('a') === 'open' && phase('b') === 'closed' && phase('c') === 'open',
  );
  expect([...edge.open].sort()).toEqual(['a', 'c']);
  expect(edge.overlapped).toBe(false);
});

test('one who fails holds up nobody, is told, and is tried again until it works', async () => {
  for (const student of ['good', 'bad']) publisher.register(route(student));
  edge.fail = (student) => (student === 'bad' ? 'retry' : 'applied');
  for (const student of ['good', 'bad']) publisher.setDesired(routeId(student), true);
  await waitFor('the good one', () => phase('good') === 'open');
  expect(publisher.phase(routeId('bad'))).toEqual({ phase: 'opening', problem });
  edge.fail = () => 'applied';
  await waitFor('the bad one', () => phase('bad') === 'open');
  expect(publisher.phase(routeId('bad')).problem).toBeNull();
});

test('one who is refused is told, and not tried again by itself', async () => {
  publisher.register(route('a'));
  edge.fail = () => 'refused';
  publisher.setDesired(routeId('a'), true);
  await waitFor('the refusal', () => publisher.phase(routeId('a')).problem !== null);
  const { publications } = edge;
  await sleep(1200);
  expect(edge.publications).toBe(publications);
});

test('an edge that throws is tried again', async () => {
  publisher.register(route('a'));
  edge.crash = true;
  publisher.setDesired(routeId('a'), true);
  await waitFor('the problem', () => publisher.phase(routeId('a')).problem?.code === 'internal');
  edge.crash = false;
  await waitFor('the route', () => phase('a') === 'open');
});

test('a student can go, and a reconcile can look, while the others fail without end', async () => {
  const students = Array.from({ length: 10 }, (_, index) => `s${index}`);
  for (const student of students) publisher.register(route(student));
  edge.latencyMs = 300;
  edge.fail = () => 'retry';
  for (const student of students) publisher.setDesired(routeId(student), true);
  await waitFor('the first failure', () => publisher.phase(routeId('s0')).problem !== null);
  const before = edge.publications;
  await Promise.all([publisher.unregister(routeId('s0')), publisher.reconcile(true)]);
  expect(edge.publications - before).toBeLessThanOrEqual(3);
});

test('those who fail together are tried again together', async () => {
  const students = Array.from({ length: 30 }, (_, index) => `s${index}`);
  for (const student of students) publisher.register(route(student));
  edge.latencyMs = 0;
  edge.fail = () => 'retry';
  for (const student of students) publisher.setDesired(routeId(student), true);
  await waitFor('four publications', () => edge.publications === 4, { everyMs: 5 });
  // 0.25 s at least, then 0.5 s, then 1 s: one try of everybody each time.
  expect(performance.now() - startedAt).toBeGreaterThan(1700);
});

test('a person’s word to take over counts once: who is refused has to be told again', async () => {
  publisher.register(route('a'));
  edge.fail = () => 'refused';
  publisher.setDesired(routeId('a'), true);
  publisher.retryNow(routeId('a'), true);
  await waitFor('the refusal', () => publisher.phase(routeId('a')).problem !== null);
  await publisher.reconcile(true);
  expect(edge.adopting).toEqual([['a'], []]);
});

test('a person’s word to take over that comes while others are published is heard by the next publication', async () => {
  publisher.register(route('a'));
  edge.fail = () => 'refused';
  publisher.setDesired(routeId('a'), true);
  await waitFor('the refusal', () => publisher.phase(routeId('a')).problem !== null);
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    publisher.retryNow(routeId('a'), true);
  };
  await publisher.reconcile(true);
  await waitFor('the next publication', () => edge.adopting.length === 3);
  expect(edge.adopting).toEqual([[], [], ['a']]);
});

test('who goes and comes back while others are published is not told what became of the one before', async () => {
  edge.latencyMs = 50;
  publisher.register(route('a'));
  publisher.setDesired(routeId('a'), true);
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    void publisher.unregister(routeId('a'));
    publisher.register(route('a'));
    publisher.setDesired(routeId('a'), true);
  };
  await waitFor('the second publication', () => edge.publications === 2, { everyMs: 5 });
  expect(edge.open.has('a')).toBe(true);
  expect(phase('a')).toBe('opening');
  await waitFor('the route', () => phase('a') === 'open');
});

test('what a reconcile that broke off had taken in is published all the same', async () => {
  publisher.register(route('a'));
  await publisher.reconcile(true);
  edge.beforeSnapshot = () => {
    edge.beforeSnapshot = () => {};
    publisher.setDesired(routeId('a'), true);
    edge.crash = true;
  };
  await expect(publisher.reconcile(true)).rejects.toThrow('a defect');
  edge.crash = false;
  await waitFor('the route', () => phase('a') === 'open');
});

test('a wait that is longer than a timer can take is a long one, not none', async () => {
  publisher.register(route('a'));
  edge.fail = () => 'retry';
  edge.afterMs = 2 ** 31;
  publisher.setDesired(routeId('a'), true);
  await waitFor('the failure', () => publisher.phase(routeId('a')).problem !== null);
  const { publications } = edge;
  await sleep(300);
  expect(edge.publications).toBe(publications);
});

test('wanted and actual are compared every 5 minutes though nothing happens, and what is lost is there again', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
  const quiet = new MemoryEdge();
  const left = new Reconciler({
    edge: quiet as unknown as Edge,
    log: pino({ level: 'silent' }),
    onChange: () => {},
  });
  try {
    left.start();
    left.register(route('a'));
    left.setDesired(routeId('a'), true);
    // A look comes after whatever was begun before it.
    await left.reconcile(false);
    for (const round of [1, 2]) {
      quiet.open.clear();
      jest.advanceTimersByTime(5 * 60_000 - 1);
      await left.reconcile(false);
      expect([quiet.mends, [...quiet.open]]).toEqual([round - 1, []]);
      jest.advanceTimersByTime(1);
      await left.reconcile(false);
      expect([quiet.mends, [...quiet.open]]).toEqual([round, ['a']]);
    }
  } finally {
    jest.useRealTimers();
    await left.stop();
  }
});
