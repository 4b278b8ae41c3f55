/** What the engine's events become. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { watchEngine } from '../../../../orchestrator/environments/engine-events.ts';
import type { EnvironmentChange } from '../../../../orchestrator/environments/types.ts';

const event = (Action: string, student: string) =>
  `${JSON.stringify({ Action, Actor: { Attributes: { 'devenv.student': student } } })}\n`;

/** What is called back for those events, and for whom the peak was asked. */
async function watch(events: string[]): Promise<{ changes: EnvironmentChange[]; asked: string[] }> {
  const changes: EnvironmentChange[] = [];
  const asked: string[] = [];
  const stop = new AbortController();
  const stream = Readable.from(events);
  const over = once(stream, 'close');
  const watched = watchEngine({ getEvents: async () => stream } as unknown as Docker, {
    instance: 'lab',
    limitBytes: 100,
    peakBytes: async (student) => {
      asked.push(student);
      return 99;
    },
    onChange: (change) => changes.push(change),
    signal: stop.signal,
  });
  await over;
  await sleep(10);
  stop.abort();
  await watched;
  return { changes: changes.filter(({ kind }) => kind !== 'engine-away'), asked };
}

test('a thousand kills for memory are one for each student: one question inside, one change told', async () => {
  const kills = Array.from({ length: 1000 }, () => [event('oom', 'mallory'), event('oom', 'bob')]).flat();
  const { changes, asked } = await watch(kills);
  expect(asked.toSorted()).toEqual(['bob', 'mallory']);
  expect(changes).toHaveLength(2);
  expect(changes[0]).toEqual({ kind: 'out-of-memory', student: 'mallory', limitBytes: 100, peakBytes: 99 });
});

test('a student who was removed and made anew is another one', async () => {
  const { asked } = await watch([event('oom', 'bob'), event('destroy', 'bob'), event('oom', 'bob')]);
  expect(asked).toEqual(['bob', 'bob']);
});
