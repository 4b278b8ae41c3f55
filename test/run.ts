/**
 * Runs every kind of test. Prepares what a kind needs (Docker engine, student image), runs it with jest, and ends with
 * the line `N passed, N failed`; the exit code is 1 where anything failed or nothing ran.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx/core';
import { ensureEngine } from '../orchestrator/environments/index.ts';
import { DevenvError } from '../orchestrator/errors.ts';
import { removeLeftovers } from './support/leftovers.ts';
import { terminalProgress } from './support/progress.ts';
import { studentImage } from './support/student-image.ts';
import { ensureTestTools } from './support/test-tools.ts';

const root = new URL('..', import.meta.url).pathname;

/** How many files of a kind run at once. Tests with containers mostly wait for them; unit tests partly wait for timers. */
const kinds = {
  unit: { workers: 3, engine: false },
  integration: { workers: 2, engine: true },
  e2e: { workers: 2, engine: true },
} as const;
type Kind = keyof typeof kinds;
const isKind = (word: string): word is Kind => word in kinds;

/** Programs with their own options and output. */
const programs = {
  matrix: { file: 'test/matrix/main.ts', engine: true },
  'dev-server-matrix': { file: 'test/e2e/dev-servers/main.ts', engine: true },
  probe: { file: 'test/support/probes/main.ts', engine: true },
  soak: { file: 'test/soak/main.ts', engine: true },
  'class-open': { file: 'test/bench/class-open.ts', engine: false },
  schedules: { file: 'test/support/schedules/main.ts', engine: false },
} as const;
const isProgram = (word: string): word is keyof typeof programs => word in programs;

/** Static checks: format and lint (module boundaries included), types, dead code. Each counts like one test. */
const checks: readonly string[][] = [
  ['biome', 'ci', '--error-on-warnings', '.'],
  ['tsc', '--noEmit'],
  ['knip', '--no-progress'],
];

/** Takes minutes, so it runs only where it is named. */
const LONG_BENCHMARK = 'class-open';

interface Count {
  passed: number;
  failed: number;
}

interface JestResult {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
}

/** Runs a program in this terminal; resolves to its exit code. */
async function run(...command: string[]): Promise<number> {
  const inTerminal = $({
    nothrow: true,
    cwd: root,
    prefix: 'exec ',
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return (await inTerminal`${command}`).exitCode ?? 1;
}

/** Runs commands one after the other; each counts like one test. */
async function countCommands(commands: readonly string[][]): Promise<Count> {
  const count: Count = { passed: 0, failed: 0 };
  for (const command of commands) count[(await run(...command)) === 0 ? 'passed' : 'failed'] += 1;
  return count;
}

async function runJest(kind: Kind, patterns: string[]): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-test-results-'));
  const output = join(folder, 'results.json');
  const exitCode = await run(
    process.execPath,
    '--experimental-vm-modules',
    '--no-warnings',
    join(root, 'node_modules/jest/bin/jest.js'),
    '--config=test/jest.config.json',
    `--maxWorkers=${kinds[kind].workers}`,
    '--json',
    `--outputFile=${output}`,
    ...(patterns.length > 0 ? patterns.map((pattern) => `test/${kind}/.*${pattern}`) : [`test/${kind}/`]),
  );
  try {
    const result = JSON.parse(readFileSync(output, 'utf8')) as JestResult;
    // A file that does not load has no failed test, but counts as failed.
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    };
  } catch {
    return { passed: 0, failed: exitCode === 0 ? 0 : 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs all kinds in order, or the named one; `patterns` select the files whose names match. */
async function runTests(named: Kind | null, patterns: string[]): Promise<Count> {
  const total: Count = { passed: 0, failed: 0 };
  for (const kind of named === null ? (Object.keys(kinds) as Kind[]) : [named]) {
    console.error(`\n== ${kind} ==`);
    const count = await runJest(kind, patterns);
    total.passed += count.passed;
    total.failed += count.failed;
  }
  return total;
}

/** Runs the named benchmarks, or all but the long one. Each prints its ratios. */
function runBenchmarks(names: string[]): Promise<Count> {
  const benchmarks = readdirSync(join(root, 'test/bench'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((name) => (names.length === 0 ? name !== LONG_BENCHMARK : names.includes(name)));
  return countCommands(
    benchmarks.map((name) => [process.execPath, '--no-warnings', join('test/bench', `${name}.ts`)]),
  );
}

/**
 * Prepares the machine: an engine, some of Debian's programs, nothing left by killed runs, and the student image, since
 * two files that start at the same moment would both build it.
 */
async function prepareMachine(): Promise<void> {
  const signal = new AbortController().signal;
  const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
  await ensureTestTools(mayInstall, signal);
  await ensureEngine({ progress: terminalProgress, signal, mayInstall });
  await studentImage();
  await removeLeftovers();
}

async function main([word = 'all', ...patterns]: string[]): Promise<Count> {
  if (word === 'check') return countCommands(checks);
  if (word !== 'all' && word !== 'bench' && !isKind(word) && !isProgram(word)) {
    const words = ['unit', 'integration', 'e2e', 'bench', 'check', ...Object.keys(programs)];
    console.error(`Unknown kind of test: '${word}'. Use one of: ${words.join(', ')}.`);
    process.exit(2);
  }
  const needsEngine = isKind(word) ? kinds[word].engine : !isProgram(word) || programs[word].engine;
  if (needsEngine) await prepareMachine();
  // No count after a program's output: its `--json` has to stay one value.
  if (isProgram(word)) process.exit(await run(process.execPath, programs[word].file, ...patterns));
  return word === 'bench' ? runBenchmarks(patterns) : runTests(word === 'all' ? null : word, patterns);
}

// testcontainers must use no image but ours. Its reaper, and the container with which it may look for the host, would
// have to be pulled; leftovers are removed by label instead.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
process.env.TESTCONTAINERS_HOST_OVERRIDE = '127.0.0.1';
const count = await main(process.argv.slice(2)).catch((error: unknown): Count => {
  if (!(error instanceof DevenvError)) throw error;
  console.error(`${error.what}\n${error.next}`);
  return { passed: 0, failed: 1 };
});
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
