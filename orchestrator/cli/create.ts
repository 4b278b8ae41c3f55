import { checkStudentName } from '../names.ts';
import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { ensureDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

/** What an instructor needs after `create`: how to open a shell, the port and the link. */
function describeNewStudent({ name, port, url }: StudentView): string {
  return [
    '',
    `  ${name} is ready.`,
    '',
    `  shell   devenv shell ${name}`,
    `  port    ${port}`,
    `  link    ${url}   (public while ${name} runs a server, e.g. cd hello && npm run dev)`,
    '',
  ].join('\n');
}

export const addCreate: AddCommand = (program, run) => {
  program
    .command('create')
    .argument('<name>', "the student's name: a-z, 0-9 and -, at most 63 characters")
    .description('create a student: an environment, a PORT and a link')
    .addHelpText(
      'after',
      `
Installs everything that is missing: a Docker engine (apt-get, as root), the student image, the orchestrator.
With DEVENV_NO_INSTALL=1 it installs no system packages. Ctrl-C undoes what was started.

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
        else print(describeNewStudent(student));
      }),
    );
};
