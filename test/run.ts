/**
 * The one entrance to every kind of test. Sets up what a kind needs (Docker engine, student image), runs it with
 * jest, and ends with the line `N passed, N failed`; the exit code is 1 where anything failed or nothing ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEngine } from '../orchestrator/environments/index.ts';
import { DevenvError } from '../orchestrator/errors.ts';
import { terminalProgress } from './support/progress.ts';
import { studentImage } from './support/student-image.ts';
import { ensureTestTools } from './support/test-tools.ts';

const root = new URL('..', import.meta.url).pathname;

/** How jest runs a kind. What starts containers waits more than it works: two files at a time; a third fills timers' waits. */
const kinds = {
  unit: { workers: 3, engine: false },
  integration: { workers: 2, engine: true },
  e2e: { workers: 2, engine: true },
} as const;
type Kind = keyof typeof kinds;
const isKind = (word: string): word is Kind => word in kinds;

/** Programs with options and an output of their own. */
const programs = {
  matrix: { file: 'test/matrix/main.ts', engine: true },
  'dev-server-matrix': { file: 'test/e2e/dev-servers/main.ts', engine: true },
  soak: { file: 'test/soak/main.ts', engine: true },
  'class-open': { file: 'test/bench/class-open.ts', engine: false },
  schedules: { file: 'test/support/schedules/main.ts', engine: false },
} as const;
const isProgram = (word: string): word is keyof typeof programs => word in programs;

interface Count {
  passed: number;
  failed: number;
}

interface JestResult {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
}

function run(command: string, args: string[]): number {
  return (
    spawnSync(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    }).status ?? 1
  );
}

function runJest(kind: Kind, patterns: string[]): Count {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-test-results-'));
  const output = join(folder, 'results.json');
  const status = run(process.execPath, [
    '--experimental-vm-modules',
    '--no-warnings',
    join(root, 'node_modules/jest/bin/jest.js'),
    '--config=test/jest.config.json',
    `--maxWorkers=${kinds[kind].workers}`,
    '--json',
    `--outputFile=${output}`,
    ...(patterns.length > 0 ? patterns.map((pattern) => `test/${kind}/.*${pattern}`) : [`test/${kind}/`]),
  ]);
  try {
    const result = JSON.parse(readFileSync(output, 'utf8')) as JestResult;
    // A file that does not even load has no failed test of its own, but it has failed.
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
    };
  } catch {
    return { passed: 0, failed: status === 0 ? 0 : 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Format, lint (module boundaries included), types and dead code: three checks that count like tests. */
function runChecks(): Count {
  const results = [
    run('biome', ['ci', '--error-on-warnings', '.']),
    run('tsc', ['--noEmit']),
    run('knip', ['--no-progress']),
  ];
  const failed = results.filter((status) => status !== 0).length;
  return { passed: results.length - failed, failed };
}

/** Takes minutes: only where it is named. */
const LONG_BENCHMARK = 'class-open.ts';

/** The benchmarks named, or all but the long one, one after the other; each prints its own ratios. */
function runBenchmarks(names: string[]): Count {
  const files = readdirSync(join(root, 'test/bench'))
    .filter((file) => file.endsWith('.ts'))
    .filter(
      (file) =>
        names.some((name) => file === `${name}.ts`) || (names.length === 0 && file !== LONG_BENCHMARK),
    );
  const failed = files.filter(
    (file) => run(process.execPath, ['--no-warnings', join('test/bench', file)]) !== 0,
  ).length;
  return { passed: files.length - failed, failed };
}

/** All kinds in order, or the one named; `patterns` narrow it to files whose names match. */
function runTests(named: Kind | null, patterns: string[]): Count {
  const total: Count = { passed: 0, failed: 0 };
  for (const kind of named === null ? (Object.keys(kinds) as Kind[]) : [named]) {
    console.error(`\n== ${kind} ==`);
    const count = runJest(kind, patterns);
    total.passed += count.passed;
    total.failed += count.failed;
  }
  return total;
}

/**
 * What tests need of the machine: an engine, some of Debian's programs, and the student image, since two files that
 * start at the same moment would both build it.
 */
async function prepare(): Promise<void> {
  const signal = new AbortController().signal;
  const mayInstall = process.env.DEVENV_NO_INSTALL !== '1';
  await ensureTestTools(mayInstall, signal);
  await ensureEngine({ progress: terminalProgress, signal, mayInstall });
  await studentImage();
}

async function main([word = 'all', ...patterns]: string[]): Promise<Count> {
  if (word === 'check') return runChecks();
  if (word !== 'all' && word !== 'bench' && !isKind(word) && !isProgram(word)) {
    console.error(
      `There is no kind of test called '${word}'. Use unit, integration, e2e, bench, check, ${Object.keys(programs).join(' or ')}.`,
    );
    process.exit(2);
  }
  const needsEngine = isKind(word) ? kinds[word].engine : !isProgram(word) || programs[word].engine;
  if (needsEngine) await prepare();
  // Its own output is all there is: `--json` has to stay one value.
  if (isProgram(word)) process.exit(run(process.execPath, [programs[word].file, ...patterns]));
  return word === 'bench' ? runBenchmarks(patterns) : runTests(word === 'all' ? null : word, patterns);
}

// testcontainers would pull an image of its own to clean up after a killed run; ours are cleaned up by label.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
const count = await main(process.argv.slice(2)).catch((error: unknown): Count => {
  if (!(error instanceof DevenvError)) throw error;
  console.error(`${error.what}\n${error.next}`);
  return { passed: 0, failed: 1 };
});
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
