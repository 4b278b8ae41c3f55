/** How long a publication waits for company: as long as somebody comes, but not for ever. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchWindow } from '../../../../orchestrator/routes/batch-window.ts';

const { signal } = new AbortController();

/** The first of the two that ends: timers that are due in the same turn of a busy loop end in their order. */
const first = (gathered: Promise<void>, ms: number) =>
  Promise.race([gathered.then(() => 'gathered'), sleep(ms).then(() => `${ms} ms`)]);

test('it ends soon where nobody comes, even when somebody came long ago', async () => {
  const company = new BatchWindow();
  expect(await first(company.closed(signal), 10)).toBe('10 ms');
  company.touch();
  await sleep(40);
  expect(await first(company.closed(signal), 10)).toBe('10 ms');
  expect(await first(company.closed(signal), 45)).toBe('gathered');
});

/** Somebody comes every other millisecond: how long it waits then, and the longest pause between two, in ms. */
async function crowd(): Promise<{ waited: number; pause: number }> {
  const company = new BatchWindow();
  const started = performance.now();
  let pause = 0;
  let last = started;
  const coming = setInterval(() => {
    company.touch();
    pause = Math.max(pause, performance.now() - last);
    last = performance.now();
  }, 2);
  expect(await first(company.closed(signal), 200)).toBe('gathered');
  clearInterval(coming);
  const ended = performance.now();
  return { waited: ended - started, pause: Math.max(pause, ended - last) };
}

test('it goes on while somebody comes, and has an end where they never stop', async () => {
  // On a busy machine they may come too seldom.
  let scene = await crowd();
  while (scene.pause > 10) scene = await crowd();
  expect(scene.waited).toBeGreaterThanOrEqual(45);
});

test('it ends at once when the daemon stops', async () => {
  const stopping = new AbortController();
  const company = new BatchWindow();
  const coming = setInterval(() => company.touch(), 2);
  const gathered = company.closed(stopping.signal);
  stopping.abort();
  expect(await first(gathered, 0)).toBe('gathered');
  clearInterval(coming);
  expect(await first(company.closed(stopping.signal), 0)).toBe('gathered');
});
