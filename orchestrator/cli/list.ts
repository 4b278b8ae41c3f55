import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson, warnOf } from './output.ts';
import { table } from './table.ts';

/** A student's state in one to three words: the most important fact only. */
export function stateOf({ link, environment, service }: StudentView): string {
  const { phase, live, problem } = link;
  // Shown even if the environment is stopped: the edge may still forward to its port.
  if (phase === 'closing' && problem !== null) return 'closing, problem';
  if (environment.state !== 'running')
    return environment.problem === null ? environment.state : `${environment.state}, problem`;
  if (environment.problem !== null) return 'no network';
  // An additional link that is rate-limited does not affect the student's own link.
  if (problem !== null && !(live && problem.code === 'rate-limited')) return 'problem';
  if (live) return service === null ? 'open, no server' : 'live';
  return phase;
}

/** Which students' environments have an older image, and how to renew them; null if none has. */
export function describeOutdated(students: readonly StudentView[]): string | null {
  const names = students.filter(({ environment }) => environment.outdated).map(({ name }) => name);
  if (names.length === 0) return null;
  return `On an older image: ${names.join(', ')}. \`devenv restart NAME\` renews it and ends the student's terminals.`;
}

const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1).replace(/\.0$/, '');

/** `1.2/5 GB`, short enough for a list of 80 columns; `-` while the usage is not known. */
export const homeText = ({ home }: Pick<StudentView, 'home'>): string =>
  home === null ? '-' : `${gigabytes(home.usedBytes)}/${gigabytes(home.limitBytes)} GB`;

export const addList: AddCommand = (program, run) => {
  program
    .command('list')
    .alias('ls')
    .description('list all students with their port, state, sessions, home and link')
    .action(
      run(async ({ client, json }: Context) => {
        const students = await client.list();
        if (json) return printJson(students);
        warnOf((await client.daemon()).problem);
        if (students.length === 0) return print('There are no students yet. Create one: devenv create NAME');
        const rows = students.map((student) => [
          student.name,
          String(student.port),
          stateOf(student),
          String(student.sessions.length),
          homeText(student),
          student.url,
        ]);
        print(table(['NAME', 'PORT', 'STATE', 'SESSIONS', 'HOME', 'LINK'], rows));
        const outdated = describeOutdated(students);
        if (outdated !== null) print(`\n${outdated}`);
      }),
    );
};
