/** Which ports are repaired: those of open links that are not live although the agent reports, and not in a loop. */
import { pino } from 'pino';
import { DeadPorts } from '../../../../orchestrator/students/dead-ports.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let clock: ManualClock;
let watching: AbortController;
let ports: DeadPorts;
let attempts: string[];
let repair: () => Promise<boolean>;
let view: { phase: string; live: boolean; problem?: object | null };
let silentMs: number | null;
let environment: string;

beforeEach(() => {
  clock = new ManualClock();
  watching = new AbortController();
  attempts = [];
  repair = async () => true;
  view = { phase: 'open', live: false };
  silentMs = 0;
  environment = 'running';
  const alice = {
    row: { name: 'alice' },
    get environment() {
      return environment;
    },
  };
  ports = new DeadPorts({
    roster: { all: () => [alice], find: () => alice } as never,
    routes: { view: () => view } as never,
    heartbeats: { sinceMs: () => silentMs },
    lifecycle: {
      repairPort: (name) => {
        attempts.push(name);
        return repair();
      },
    },
    onRepair: () => {},
    clock,
    log: pino({ level: 'silent' }),
  });
  void ports.watch(watching.signal);
});

afterEach(() => watching.abort());

test('an open link that is not live is checked every 2 s, and after a repair not for 30 s', async () => {
  repair = async () => false;
  await clock.advance(4000);
  expect(attempts).toEqual(['alice', 'alice']);
  repair = async () => true;
  await clock.advance(2000);
  expect(attempts).toHaveLength(3);
  await clock.advance(29_999);
  expect(attempts).toHaveLength(3);
  await clock.advance(1);
  expect(attempts).toHaveLength(4);
});

test('a failed repair is not repeated for 30 s either, and a slow one is not started twice', async () => {
  repair = () => Promise.reject(new Error('the engine is gone'));
  await clock.advance(30_000);
  expect(attempts).toHaveLength(1);
  repair = () => new Promise(() => {});
  await clock.advance(120_000);
  expect(attempts).toHaveLength(2);
});

test.each([
  ['a live link', () => (view = { phase: 'open', live: true })],
  ['a link that is not open yet', () => (view = { phase: 'opening', live: false })],
  ['an agent that does not report', () => (silentMs = 10_001)],
  ['an agent that never reported', () => (silentMs = null)],
  ['a stopped environment', () => (environment = 'stopped')],
])('%s is left alone', async (_what, prepare) => {
  prepare();
  await clock.advance(60_000);
  expect(attempts).toEqual([]);
});

const problem = { code: 'edge', what: 'alice.test does not answer.', next: 'Run it again.' };

test.each([
  [
    { phase: 'closed', live: false, problem: null },
    { ok: true, found: 'none is open', next: null },
  ],
  [
    { phase: 'open', live: false, problem: null },
    { ok: true, found: '1 of 1 open links answer', next: null },
  ],
  [
    { phase: 'open', live: true, problem: null },
    { ok: true, found: '1 of 1 open links answer', next: null },
  ],
  [
    { phase: 'open', live: false, problem },
    { ok: false, found: `0 of 1 open links answer; alice: ${problem.what}`, next: problem.next },
  ],
])('`doctor` on %j', (now, expected) => {
  view = now;
  expect(ports.diagnose()).toEqual({ subject: 'Links', ...expected });
});

test('`doctor` says which ports were repaired, and when', async () => {
  await clock.advance(2000);
  view = { phase: 'open', live: true, problem: null };
  const at = new Date(clock.now()).toISOString();
  expect(ports.diagnose()).toEqual({
    subject: 'Links',
    ok: true,
    found: `1 of 1 open links answer; dead ports repaired: alice (1×, last ${at})`,
    next: null,
  });
});

test('repairs that do not help become rarer, until the link has been live', async () => {
  await clock.advance(2000 + 30_000 + 60_000 + 120_000);
  expect(attempts).toHaveLength(4);
  await clock.advance(200_000);
  expect(attempts).toHaveLength(4);
  view = { phase: 'open', live: true };
  await clock.advance(2000);
  view = { phase: 'open', live: false };
  await clock.advance(2000);
  expect(attempts).toHaveLength(5);
});
