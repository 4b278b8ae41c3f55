/**
 * `npm run soak [-- --minutes 10] [--students 12] [--seed N]`: a class that comes and goes at random with real dev
 * servers, and a visitor who asks for every link every second: no wrong link at any second.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import { seededRandom } from '../cloudflare/seeded-random.ts';
import { openClassroom } from '../matrix/classroom.ts';
import { placeProject } from '../support/fixture-project.ts';
import { percentile, printMeasurement } from '../support/measurements.ts';
import { watch } from './link-checker.ts';
import { type Figures, SoakStudent } from './student.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    students: { type: 'string', default: '12' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});

/** The daemon's own memory, in MB. */
const residentOf = (pid: number) =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;

console.error(`… a class of ${values.students}, seed ${values.seed}`);
const { devenv, students, close } = await openClassroom({ students: Number(values.students) });
try {
  // Vite is installed once; the others get a copy.
  const [first] = students;
  if (first === undefined) throw new Error('the class is empty');
  await placeProject(devenv, first.name, 'vite');
  const copy = execFileSync('docker', ['exec', first.container, 'tar', '-C', '/home/student', '-c', 'vite'], {
    maxBuffer: 2 ** 29,
  });
  for (const student of students) {
    if (student !== first)
      execFileSync('docker', ['exec', '-i', student.container, 'tar', '-C', '/home/student', '-x'], {
        input: copy,
      });
    await student.inside(`sed -i 's/vite fixture/app of ${student.name}/' vite/index.html`);
  }
  const figures: Figures = { sessions: 0, toLive: [], toGone: [], problems: [] };
  const soakStudents = students.map(
    (student, index) => new SoakStudent(student, seededRandom(Number(values.seed) + index), figures),
  );
  const { pid } = await devenv.json<DaemonView>('up');
  const before = residentOf(pid);
  const until = performance.now() + Number(values.minutes) * 60_000;
  console.error(`… ${values.minutes} minutes of coming and going`);
  const checking = watch(soakStudents, until);
  await Promise.all(soakStudents.map((student) => student.run(until)));
  const verdict = await checking;

  printMeasurement('sessions', String(figures.sessions));
  printMeasurement('visits', String(verdict.asked));
  printMeasurement('  while it had to be the page', String(verdict.pages));
  printMeasurement('  while it had to be gone', String(verdict.gone));
  printMeasurement('  while it was changing', String(verdict.changing));
  printMeasurement('slowest answer', `${verdict.slowestMs.toFixed(0)} ms`);
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    printMeasurement(`typed to page, ${name}`, `${percentile(figures.toLive, share).toFixed(1)} s`);
    printMeasurement(
      `left (or grace over) to gone, ${name}`,
      `${percentile(figures.toGone, share).toFixed(1)} s`,
    );
  }
  printMeasurement(
    "the daemon's memory, before and after",
    `${before.toFixed(0)}, ${residentOf(pid).toFixed(0)} MB`,
  );
  printMeasurement('wrong links', String(verdict.wrong.length));
  for (const line of [...verdict.wrong, ...figures.problems].slice(0, 50)) console.log(line);
  process.exitCode = verdict.wrong.length + figures.problems.length === 0 ? 0 : 1;
} finally {
  await close();
}
process.exit();
