import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson } from './output.ts';
import { table } from './table.ts';

/** The state of a student in one word or two, the most important first. */
export function stateOf(student: StudentView): string {
  const { phase, problem } = student.link;
  // Whatever became of the environment: the edge may still lead to its port.
  if (phase === 'closing' && problem !== null) return 'closing, problem';
  if (student.environment.state !== 'running') return student.environment.state;
  const isLive = student.link.live;
  // A further link that waits takes nothing from the own one.
  if (problem !== null && !(isLive && problem.code === 'rate-limited')) return 'problem';
  if (isLive) return student.service === null ? 'open, no server' : 'live';
  return phase === 'closed' ? '-' : phase;
}

export const addList: AddCommand = (program, run) => {
  program
    .command('list')
    .alias('ls')
    .description('who there is, and whose link is open')
    .action(
      run(async ({ client, json }: Context) => {
        const students = await client.list();
        if (json) return printJson(students);
        if (students.length === 0) return print('There is no student yet: devenv create NAME makes one.');
        const rows = students.map((student) => [
          student.name,
          String(student.port),
          stateOf(student),
          student.sessions.length === 0 ? '-' : String(student.sessions.length),
          student.url,
        ]);
        print(table(['NAME', 'PORT', 'LINK IS', 'IN', 'LINK'], rows));
      }),
    );
};
