/** Which changes are reported for the engine's events. */
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { watchEngine } from '../../../../orchestrator/environments/engine-events.ts';
import type { EnvironmentChange } from '../../../../orchestrator/environments/types.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let clock: ManualClock;
let changes: EnvironmentChange[];
/** The students whose peak of memory was read. */
let peaksRead: string[];
/** Null while the engine does not answer. */
let events: Readable | null;
let stop: AbortController;
let watching: Promise<void>;

function newStream(): Readable {
  events = new Readable({ read() {} });
  return events;
}

beforeEach(() => {
  clock = new ManualClock();
  changes = [];
  peaksRead = [];
  newStream();
  stop = new AbortController();
  const docker = { getEvents: async () => events ?? Promise.reject(new Error('ECONNREFUSED')) };
  watching = watchEngine(docker as unknown as Docker, {
    instance: 'lab',
    limitBytes: 100,
    peakBytes: async (student) => {
      peaksRead.push(student);
      return 99;
    },
    onChange: (change) => changes.push(change),
    signal: stop.signal,
    clock,
  });
});

afterEach(async () => {
  stop.abort();
  events?.push(null);
  await watching;
});

async function emit(...actions: [action: string, student: string][]): Promise<void> {
  for (const [Action, student] of actions)
    events?.push(`${JSON.stringify({ Action, Actor: { Attributes: { 'devenv.student': student } } })}\n`);
  await clock.advance(0);
}

test('a thousand kills in one moment are one for each student', async () => {
  const kills = Array.from({ length: 1000 }, () => [
    ['oom', 'mallory'],
    ['oom', 'bob'],
  ]).flat() as [string, string][];
  await emit(...kills);
  expect(peaksRead).toEqual(['mallory', 'bob']);
  expect(changes).toEqual(
    ['mallory', 'bob'].map((student) => ({ kind: 'out-of-memory', student, limitBytes: 100, peakBytes: 99 })),
  );
});

test('a kill 10 s after the last reported one is reported', async () => {
  await emit(['oom', 'bob']);
  await clock.advance(9999);
  await emit(['oom', 'bob']);
  expect(changes).toHaveLength(1);
  await clock.advance(1);
  await emit(['oom', 'bob']);
  expect(changes).toHaveLength(2);
});

test('a student who was removed and created again starts without kills', async () => {
  await emit(['oom', 'bob'], ['destroy', 'bob'], ['oom', 'bob']);
  expect(peaksRead).toEqual(['bob', 'bob']);
});

test('an engine that stops is reported once, tried every second, and reported when it answers', async () => {
  events?.push(null);
  events = null;
  await clock.advance(5000);
  expect(changes).toEqual([{ kind: 'engine-disconnected' }]);
  newStream();
  await clock.advance(1000);
  await emit(['start', 'alice']);
  expect(changes.slice(1)).toEqual([{ kind: 'engine-connected' }, { kind: 'started', student: 'alice' }]);
});
