/**
 * `npm run bench:class-open`: a class that starts its servers in the same moment, on a Cloudflare that takes 250 ± 100 ms
 * a call. The whole orchestrator but no containers; beside it the script that it replaces, on the same mock.
 */
import { Command, InvalidArgumentError } from 'commander';
import { MockCloudflare } from '../cloudflare/index.ts';
import { Classroom } from './class-open/classroom.ts';
import { runScript, type ScriptRun } from './class-open/replaced-script.ts';
import { type SentCall, SentCalls, timeIn } from './class-open/sent-calls.ts';
import { type DayFigures, simulateDay } from './class-open/simulate-day.ts';

const SIZES = [1, 10, 30, 100, 200];
const LATENCY = { ms: 250, jitter: 100 };
/** What may be added to the time of the calls themselves, in ms. */
const MOST_OVER = 100;
type Dns = 'student' | 'session';

interface OwnRun {
  students: number;
  dns: Dns;
  /** Until the last student was told that the link is live, in ms. */
  lastLiveMs: number;
  /** Time in the calls of that opening, in ms, and how much more it took. */
  chainMs: number;
  overMs: number;
  calls: string[];
  live: number;
}

interface Round {
  own: OwnRun[];
  script: { students: number; withLock: ScriptRun; withoutLock: ScriptRun } | null;
}

function students(written: string): number {
  const value = Number(written);
  if (Number.isInteger(value) && value >= 1 && value <= 200) return value;
  throw new InvalidArgumentError('A whole number from 1 to 200 is needed.');
}

const options = new Command('npm run bench:class-open --')
  .description('How long a class waits for its links, when all start in the same moment.')
  .option('--students <number>', `one class size; by default ${SIZES.join(', ')}, and a day`, students)
  .option('--json', 'figures as JSON on standard output')
  .option('--keep', 'leave the links open')
  .addHelpText(
    'after',
    '\nWith CLOUDFLARE_BASE_URL set it runs against that server, with the other CLOUDFLARE_* settings, instead of a mock of\nits own; the script that overwrites what others write is then left out.',
  )
  .parse()
  .opts<{ students?: number; json?: true; keep?: true }>();

const say = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);
const kindOf = ({ method, path }: SentCall) => `${method} ${path.split('?')[0]?.split('/').at(-1) ?? ''}`;

async function openClass(count: number, dns: Dns, env: NodeJS.ProcessEnv, baseUrl: string): Promise<OwnRun> {
  const calls = new SentCalls();
  const stopWatching = calls.watch(baseUrl);
  const classroom = await Classroom.open(
    count,
    { ...env, DEVENV_EDGE: 'cloudflare', DEVENV_DNS: dns },
    calls,
  );
  try {
    const from = calls.all.length;
    const started = performance.now();
    const lastLiveMs = await classroom.openAll();
    const made = calls.all.slice(from).filter(({ startedAt }) => startedAt <= started + lastLiveMs);
    const chainMs = timeIn(made, started + lastLiveMs);
    const live = classroom.phases().filter((phase) => phase === 'open').length;
    if (!options.keep) await classroom.removeAll();
    const overMs = lastLiveMs - chainMs;
    return { students: count, dns, lastLiveMs, chainMs, overMs, calls: made.map(kindOf), live };
  } finally {
    await classroom.close();
    stopWatching();
  }
}

const ms = (value: number) => `${Math.round(value)} ms`.padStart(8);

function tellOwn({ students: count, dns, lastLiveMs, chainMs, overMs, calls, live }: OwnRun): void {
  say(
    `${String(count).padStart(4)} students  dns: ${dns.padEnd(8)}last live ${ms(lastLiveMs)}  its calls ${ms(chainMs)}  over ${ms(overMs)}  live ${live} of ${count}  (${calls.join(', ')})`,
  );
}

function tellScript(count: number, what: string, { tookMs, calls, live }: ScriptRun): void {
  say(
    `${String(count).padStart(4)} students  ${what.padEnd(27)}${ms(tookMs)}  live ${live} of ${count}  (${calls} calls)`,
  );
}

async function runRound(count: number): Promise<Round> {
  const { env } = process;
  const modes: Dns[] = ['student', 'session'];
  const own: OwnRun[] = [];
  const given = env.CLOUDFLARE_BASE_URL;
  if (given) {
    const dns: Dns = env.DEVENV_DNS === 'session' ? 'session' : 'student';
    for (const each of options.keep || env.DEVENV_DNS ? [dns] : modes)
      own.push(await openClass(count, each, env, given));
    own.forEach(tellOwn);
    return { own, script: null };
  }
  // Room for the records of both, and for the calls of a script without a budget.
  const mock = await MockCloudflare.start({ plan: 'paid', latency: LATENCY, rateLimit: { requests: 1e6 } });
  try {
    for (const dns of modes) own.push(await openClass(count, dns, { ...env, ...mock.env() }, mock.baseUrl));
    own.forEach(tellOwn);
    const withLock = await runScript(mock, count, true);
    tellScript(count, 'script with its lock:', withLock);
    const withoutLock = await runScript(mock, count, false);
    tellScript(count, 'script without a lock:', withoutLock);
    return { own, script: { students: count, withLock, withoutLock } };
  } finally {
    await mock.stop();
  }
}

function tellDay(dns: Dns, { scale, opens, calls, perOpen }: DayFigures): void {
  say(
    `A day (1:${scale}), ${opens} opens and as many closes, dns: ${dns}: ${perOpen.toFixed(2)} calls an open (rules ${calls.rules}, records ${calls.records}, is it live ${calls.liveness})`,
  );
}

const rounds: Round[] = [];
for (const count of options.students === undefined ? SIZES : [options.students])
  rounds.push(await runRound(count));
const days: { dns: Dns; day: DayFigures }[] = [];
if (options.students === undefined && !process.env.CLOUDFLARE_BASE_URL) {
  for (const dns of ['student', 'session'] as const) {
    const day = await simulateDay(dns, 1);
    tellDay(dns, day);
    days.push({ dns, day });
  }
}
if (options.json) console.log(JSON.stringify({ rounds, days }));
const isGood = rounds.every(({ own }) =>
  own.every(({ live, students: count, overMs }) => live === count && overMs <= MOST_OVER),
);
if (!isGood) say(`Not every link was live within ${MOST_OVER} ms of the time that the calls took.`);
process.exitCode = isGood ? 0 : 1;
