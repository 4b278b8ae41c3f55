/** How long a publication waits for company: as long as somebody comes, but not for ever. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Company } from '../../../orchestrator/routes/company.ts';

const { signal } = new AbortController();

async function msOf(task: Promise<void>): Promise<number> {
  const started = performance.now();
  await task;
  return performance.now() - started;
}

test('it ends soon where nobody comes, even when somebody came long ago', async () => {
  const company = new Company();
  expect(await msOf(company.gathered(signal))).toBeGreaterThanOrEqual(14);
  company.came();
  await sleep(40);
  const waited = await msOf(company.gathered(signal));
  expect(waited).toBeGreaterThanOrEqual(14);
  expect(waited).toBeLessThan(45);
});

test('it goes on while somebody comes, and has an end where they never stop', async () => {
  const company = new Company();
  const coming = setInterval(() => company.came(), 2);
  const waited = await msOf(company.gathered(signal));
  clearInterval(coming);
  expect(waited).toBeGreaterThanOrEqual(45);
  expect(waited).toBeLessThan(200);
});

test('it ends at once when the daemon stops', async () => {
  const stopping = new AbortController();
  const company = new Company();
  const coming = setInterval(() => company.came(), 2);
  const gathered = msOf(company.gathered(stopping.signal));
  stopping.abort();
  expect(await gathered).toBeLessThan(14);
  clearInterval(coming);
  expect(await msOf(company.gathered(stopping.signal))).toBeLessThan(14);
});
