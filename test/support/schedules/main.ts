/** `npm run schedules`: runs any number of random schedules against the cloudflare edge. */
import { Command, InvalidArgumentError } from 'commander';
import { type Figures, runSchedules } from './run-schedules.ts';

const PROGRESS_INTERVAL_MS = 5000;

function integerFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`Give a whole number of at least ${min}.`);
  };
}

const program = new Command('npm run schedules --')
  .description(
    'Runs random schedules: students open and close links, another writer changes rules and records, calls fail, and the orchestrator is killed between any two calls. In the end every desired link must be live, nothing else of ours may be left, and what is foreign must be as its owner wrote it. The first schedule that fails is made as small as possible and printed with all events.',
  )
  .option('--runs <number>', 'number of schedules', integerFrom(1), 1000)
  .option('--seed <number>', 'the same seed runs the same schedules (default: random)', integerFrom(0))
  .option('--path <path>', 'with --seed: only the schedule that a failure named')
  .option('--width <number>', 'schedules that run side by side', integerFrom(1), 100)
  .option('--json', 'print figures as JSON');

const options = program
  .parse()
  .opts<{ runs: number; seed?: number; path?: string; width: number; json?: true }>();
const { width, path, seed = Math.floor(Math.random() * 2 ** 31) } = options;
const runs = path === undefined ? options.runs : 1;

const startedMs = performance.now();
const seconds = () => Math.round((performance.now() - startedMs) / 1000);
const describe = ({ schedules, kills, faults, lostUpdates, calls }: Figures) =>
  `${schedules} of ${runs} schedules, ${calls} calls, ${faults} faults, ${kills} kills, ${lostUpdates} lost updates; ${seconds()} s`;

console.error(`Seed ${seed}`);
let reportedMs = startedMs;
const { figures, failure } = await runSchedules({
  runs,
  seed,
  path,
  width,
  onProgress(soFar) {
    if (performance.now() - reportedMs < PROGRESS_INTERVAL_MS) return;
    reportedMs = performance.now();
    console.error(describe(soFar));
  },
});
if (options.json) console.log(JSON.stringify({ seed, runs, width, seconds: seconds(), ...figures, failure }));
else console.log(failure ?? `All schedules ended as they should: ${describe(figures)}, seed ${seed}`);
// A schedule may leave a call that its mock still holds back, which would keep this process alive.
process.stdout.write('', () => process.exit(failure === null ? 0 : 1));
