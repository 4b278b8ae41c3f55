/**
 * Random schedules: students who open and close links, another writer, every fault, and kills between any two calls.
 * `npm run schedules -- --runs 20000` runs more of them.
 */
import { runSeed } from '../../../../support/run-seed.ts';
import { runSchedules } from '../../../../support/schedules/run-schedules.ts';

const RUNS = 500;
/** Schedules that run side by side. */
const WIDTH = 100;

test(`${RUNS} random schedules end as they should`, async () => {
  const seed = runSeed();
  const { figures, failure } = await runSchedules({ runs: RUNS, seed, width: WIDTH });
  console.info(`seed ${seed}: ${JSON.stringify(figures)}`);
  if (failure !== null) throw new Error(failure);
  expect(figures.schedules).toBe(RUNS);
  // Without kills and faults the test would prove nothing.
  expect(Math.min(figures.kills, figures.faults)).toBeGreaterThan(RUNS / 10);
}, 1_800_000);
