/** `npm run schedules`: plays as many random schedules against the cloudflare edge as one likes. */
import { Command, InvalidArgumentError } from 'commander';
import { type Figures, playMany } from './run-many.ts';

/** Between two lines of progress, in ms. */
const PROGRESS_EVERY = 5000;

function whole(least: number): (written: string) => number {
  return (written) => {
    const value = Number(written);
    if (Number.isInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`A whole number of at least ${least} is needed.`);
  };
}

const program = new Command('npm run schedules --')
  .description(
    'Plays random schedules: students come and go, somebody else writes too, calls fail, the orchestrator is killed between any two of them. When all has come to rest, what is wanted must be live, nothing else of ours be there, and what is foreign be as its owner left it. The first schedule that fails is made smaller and printed with all that happened.',
  )
  .option('--runs <number>', 'how many schedules', whole(1), 1000)
  .option('--seed <number>', 'the same seed plays the same schedules; random by default', whole(0))
  .option('--width <number>', 'how many at once: they wait most of the time', whole(1), 40)
  .option('--json', 'figures as JSON on standard output');

const options = program.parse().opts<{ runs: number; seed?: number; width: number; json?: true }>();
const { runs, width, seed = Math.floor(Math.random() * 2 ** 31) } = options;

const started = performance.now();
const seconds = () => Math.round((performance.now() - started) / 1000);
const describe = ({ schedules, kills, faults, lostUpdates, calls }: Figures) =>
  `${schedules} of ${runs} schedules, ${calls} calls, ${faults} faults, ${kills} kills, ${lostUpdates} lost updates; ${seconds()} s`;

console.error(`Seed ${seed}`);
let told = started;
const { figures, failure } = await playMany({
  runs,
  seed,
  width,
  onProgress(soFar) {
    if (performance.now() - told < PROGRESS_EVERY) return;
    told = performance.now();
    console.error(describe(soFar));
  },
});
if (options.json) console.log(JSON.stringify({ seed, runs, width, seconds: seconds(), ...figures, failure }));
else console.log(failure ?? `All came to rest as they should: ${describe(figures)}, seed ${seed}`);
process.exitCode = failure === null ? 0 : 1;
