/** The links of a student: opened and closed by facts and by time, checked while open. */
import { pino } from 'pino';
import type { Edge, Route } from '../../../../orchestrator/edges/edge.ts';
import type { LinkMemory } from '../../../../orchestrator/routes/desired-state.ts';
import { Routes } from '../../../../orchestrator/routes/index.ts';
import { noSession, on, rules, service, withSession } from '../../../support/facts.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemoryEdge } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';

/** Longer than a run: batch window and latency. */
const RUN_MS = 100;

let clock: ManualClock;
let edge: MemoryEdge;
let routes: Routes;
let changed: string[];
/** The newest stored memory. */
let stored: string;

const routeForPort = (port: number): Route => ({
  ...ownRoute(`alice-${port}`),
  owner: 'alice',
});

function start(memory: string | null = null): void {
  edge = new MemoryEdge(clock);
  changed = [];
  routes = new Routes({
    edge: Object.assign(edge, {
      confirm: async () => ({ kind: 'live' as const }),
      recheck: async () => ({ kind: 'live' as const }),
    }) satisfies Partial<Edge> as unknown as Edge,
    rules,
    clock,
    log: pino({ level: 'silent' }),
    onChange: (student) => changed.push(student),
    saveMemory: (_student, json) => {
      stored = json;
    },
  });
  routes.register(ownRoute('alice'), memory, routeForPort);
  routes.start();
}

async function stop(): Promise<void> {
  const stopped = routes.stop();
  await clock.advance(RUN_MS);
  await stopped;
}

beforeEach(() => {
  clock = new ManualClock();
  start();
});

afterEach(stop);

test('a link is live when the edge has it and has confirmed it', async () => {
  routes.setFacts('alice', withSession({ service }));
  expect(routes.view('alice')).toMatchObject({
    phase: 'opening',
    live: false,
    reason: 'serving',
    opening: 1,
  });
  expect(routes.changing()).toEqual(['alice']);
  await clock.advance(RUN_MS);
  expect(routes.view('alice')).toMatchObject({ phase: 'open', live: true, problem: null });
  expect(routes.changing()).toEqual([]);
  expect(changed).toContain('alice');
});

test('a lost session closes the link after the grace period, without another report', async () => {
  routes.setFacts('alice', withSession({ service }));
  await clock.advance(RUN_MS);
  routes.setFacts('alice', noSession('lost'));
  await clock.advance(rules.grace * 1000 - 1);
  expect(routes.view('alice')).toMatchObject({ phase: 'open', reason: 'grace' });
  await clock.advance(RUN_MS);
  expect(routes.view('alice')).toMatchObject({ phase: 'closed', live: false, reason: 'no-session' });
});

test('additional links open and close with the own link, and keep their hostname', async () => {
  routes.setFacts('alice', withSession({ service, listeners: on(5173, 4000) }));
  await clock.advance(RUN_MS);
  expect(routes.view('alice').additionalLinks).toEqual([
    { port: 4000, hostname: 'alice-4000.test', live: true },
  ]);
  expect([...edge.open].sort()).toEqual(['alice', 'alice-4000']);
  routes.setFacts('alice', noSession('exited'));
  await clock.advance(RUN_MS);
  expect(routes.view('alice').additionalLinks).toEqual([]);
  expect([...edge.open]).toEqual([]);
  expect(routes.isLink('alice-4000.test')).toBe(true);
});

test('the instructor opens a link without a session, until the environment stops', async () => {
  routes.setFacts('alice', noSession(null));
  routes.override('alice', 'open', false);
  await clock.advance(RUN_MS);
  expect(routes.view('alice')).toMatchObject({ phase: 'open', reason: 'instructor' });
  routes.setFacts('alice', { running: false, report: null, silentMs: 0 });
  await clock.advance(RUN_MS);
  expect(routes.view('alice')).toMatchObject({ phase: 'closed', reason: 'stopped' });
});

test('a restart with the stored memory keeps the link open before the first report', async () => {
  routes.setFacts('alice', withSession({ service, listeners: on(5173, 4000) }));
  await clock.advance(RUN_MS);
  await stop();
  expect((JSON.parse(stored) as LinkMemory).desired).toBe(true);
  start(stored);
  routes.setFacts('alice', { running: true, report: null, silentMs: 0 });
  await clock.advance(RUN_MS);
  expect(routes.view('alice')).toMatchObject({ phase: 'open', reason: 'serving', opening: 1 });
  expect([...edge.open].sort()).toEqual(['alice', 'alice-4000']);
});

test('a student who is removed leaves no route and no timer behind', async () => {
  routes.setFacts('alice', withSession({ service, listeners: on(5173, 4000) }));
  await clock.advance(RUN_MS);
  routes.setFacts('alice', noSession('lost'));
  const timers = clock.pendingTimers;
  const removed = routes.unregister('alice');
  await clock.advance(RUN_MS);
  expect(await removed).toBeNull();
  expect([...edge.open]).toEqual([]);
  expect(routes.isLink('alice-4000.test')).toBe(false);
  // The deadline of the grace period, and the next check of each of the two links.
  expect(clock.pendingTimers).toBe(timers - 3);
  routes.setFacts('alice', withSession({ service }));
  expect(routes.view('alice').phase).toBe('closed');
});
