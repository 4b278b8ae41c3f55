import { checkStudentName } from '../names.ts';
import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { ensureDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

/** What a person needs after `create`: how to get in, the port, the link. */
function welcome(student: StudentView): string {
  return [
    '',
    `  ${student.name} is ready.`,
    '',
    `  shell   devenv shell ${student.name}`,
    `  port    ${student.port}`,
    `  link    ${student.url}   (open while ${student.name} runs something, e.g. cd hello && npm run dev)`,
    '',
  ].join('\n');
}

export const addCreate: AddCommand = (program, run) => {
  program
    .command('create')
    .argument('<name>', "the student's name: a-z, 0-9 and -, at most 63 characters")
    .description('make a student: an environment, a PORT, a link')
    .addHelpText(
      'after',
      `
Does everything that is missing by itself: a Docker engine (apt-get, as root), the student image, the orchestrator.
DEVENV_NO_INSTALL=1 keeps it from installing system packages. Ctrl-C undoes what was begun.

Example:
  devenv create alice && devenv shell alice`,
    )
    .action(
      run(async (context: Context, name: string) => {
        checkStudentName(name);
        const { client, settings, progress, signal, json } = context;
        await ensureDaemon(client, settings, progress, signal);
        const student = await client.create(name, progress, signal);
        progress.stop();
        if (json) printJson(student);
        else print(welcome(student));
      }),
    );
};
