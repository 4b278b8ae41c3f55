/**
 * `npm run soak [-- --minutes 10] [--students 12] [--seed N]`: students come and go at random with real dev servers,
 * while a visitor checks every link once a second. No link may be wrong at any check.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import { seededRandom } from '../cloudflare/index.ts';
import { openClassroom } from '../matrix/classroom.ts';
import type { ClassroomStudent } from '../matrix/classroom-student.ts';
import { placeProject } from '../support/fixture-project.ts';
import type { Installation } from '../support/installation.ts';
import { percentile, printMeasurement } from '../support/measurements.ts';
import { type CheckSummary, checkLinks } from './link-checker.ts';
import { type SoakFigures, SoakStudent } from './student.ts';

const MAX_ARCHIVE_BYTES = 2 ** 29;
const MAX_PROBLEMS_SHOWN = 50;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    students: { type: 'string', default: '12' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});

/** The resident memory of a process, in MB. */
const residentMegabytes = (pid: number) =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;

/** Puts the Vite project into every home, with a page that names the student. */
async function placeVite(devenv: Installation, students: readonly ClassroomStudent[]): Promise<void> {
  const [first, ...others] = students;
  if (first === undefined) throw new Error('the class has no student');
  await placeProject(devenv, first.name, 'vite');
  const tar = ['tar', '-C', '/home/student'];
  const copy = execFileSync('docker', ['exec', first.container, ...tar, '-c', 'vite'], {
    maxBuffer: MAX_ARCHIVE_BYTES,
  });
  for (const { container } of others)
    execFileSync('docker', ['exec', '-i', container, ...tar, '-x'], { input: copy });
  for (const student of students)
    await student.runScript(`sed -i 's/vite fixture/app of ${student.name}/' vite/index.html`);
}

function printResults(figures: SoakFigures, summary: CheckSummary): void {
  printMeasurement('sessions', String(figures.sessions));
  printMeasurement('visits', String(summary.visits));
  printMeasurement('  that had to show the page', String(summary.expected.page));
  printMeasurement('  that had to find the link gone', String(summary.expected.gone));
  printMeasurement('  while the link was changing', String(summary.expected.changing));
  printMeasurement('slowest response', `${summary.slowestMs.toFixed(0)} ms`);
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    printMeasurement(`command typed to page, ${name}`, `${percentile(figures.toLive, share).toFixed(1)} s`);
    printMeasurement(
      `session (and grace period) over to gone, ${name}`,
      `${percentile(figures.toGone, share).toFixed(1)} s`,
    );
  }
  printMeasurement('wrong responses', String(summary.wrong.length));
}

console.error(`… creating a class of ${values.students}, seed ${values.seed}`);
const { devenv, students, close } = await openClassroom({ students: Number(values.students) });
try {
  await placeVite(devenv, students);
  const figures: SoakFigures = { sessions: 0, toLive: [], toGone: [], problems: [] };
  const soakStudents = students.map(
    (student, index) => new SoakStudent(student, seededRandom(Number(values.seed) + index), figures),
  );
  const { pid } = await devenv.json<DaemonView>('up');
  const memoryBefore = residentMegabytes(pid);
  const until = performance.now() + Number(values.minutes) * 60_000;
  console.error(`… students come and go for ${values.minutes} minutes`);
  const checking = checkLinks(soakStudents, until);
  await Promise.all(soakStudents.map((student) => student.run(until)));
  const summary = await checking;

  printResults(figures, summary);
  const memoryAfter = residentMegabytes(pid);
  printMeasurement("the daemon's memory", `${memoryAfter.toFixed(0)} MB`, {
    to: 'before',
    is: memoryAfter / memoryBefore,
  });
  const problems = [...summary.wrong, ...figures.problems];
  for (const line of problems.slice(0, MAX_PROBLEMS_SHOWN)) console.log(line);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await close();
}
process.exit();
