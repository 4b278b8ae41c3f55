import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { ensureDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

function report({ progress, json }: Context, student: StudentView): void {
  progress.stop();
  if (json) printJson(student);
  else print(`${student.name}'s environment is ${student.environment.state}.`);
}

export const addStartStop: AddCommand = (program, run) => {
  program
    .command('stop')
    .argument('<name>')
    .description("stop a student's environment; the student keeps home, port and link")
    .action(
      run(async (context: Context, name: string) =>
        report(context, await context.client.stop(name, context.progress)),
      ),
    );
  program
    .command('start')
    .argument('<name>')
    .description("start a student's environment")
    .option('--new-home', 'if the home is gone, start with an empty one; an existing home is kept')
    .action(
      run(async (context: Context, name: string, { newHome = false }: { newHome?: boolean }) => {
        const { client, settings, progress, signal } = context;
        await ensureDaemon(client, settings, progress, signal);
        report(context, await client.start(name, newHome, progress, signal));
      }),
    );
  program
    .command('restart')
    .argument('<name>')
    .description("stop and start a student's environment")
    .action(
      run(async (context: Context, name: string) => {
        const { client, settings, progress, signal } = context;
        await ensureDaemon(client, settings, progress, signal);
        report(context, await client.restart(name, progress, signal));
      }),
    );
};
