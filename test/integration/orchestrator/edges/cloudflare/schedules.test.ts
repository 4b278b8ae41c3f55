/**
 * Random schedules: students who come and go, somebody else who writes too, every fault, kills between any two calls.
 * `npm run schedules -- --runs 20000` plays as many as one likes.
 */
import { runSeed } from '../../../../support/run-seed.ts';
import { playMany } from '../../../../support/schedules/run-many.ts';

const RUNS = 500;
/** How many at once: they wait most of the time, but share one event loop. */
const WIDTH = 24;

test(`${RUNS} random schedules come to rest as they should`, async () => {
  const seed = runSeed();
  const { figures, failure } = await playMany({ runs: RUNS, seed, width: WIDTH });
  console.info(`seed ${seed}: ${JSON.stringify(figures)}`);
  if (failure !== null) throw new Error(failure);
  expect(figures.schedules).toBe(RUNS);
  // A test that strikes nothing shows nothing.
  expect(Math.min(figures.kills, figures.faults)).toBeGreaterThan(RUNS / 10);
}, 1_800_000);
