import type { StudentView } from '../student-view.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { stateOf } from './list.ts';
import { print, printJson } from './output.ts';

function show(student: StudentView, text: string, { progress, json }: Context): void {
  progress.stop();
  if (json) printJson(student);
  else print(`${student.url}: ${text}`);
}

export const addRoute: AddCommand = (program, run) => {
  program
    .command('open')
    .argument('<name>')
    .description("open a student's link by hand, until the next session ends, `close` or `stop`")
    .option('--adopt', 'take over a DNS record or tunnel rule that somebody else has at its hostname')
    .action(
      run(async (context: Context, name: string, options: { adopt?: boolean }) => {
        const student = await context.client.open(name, options.adopt ?? false, context.progress);
        show(student, `opening (${stateOf(student)})`, context);
      }),
    );
  program
    .command('close')
    .argument('<name>')
    .description("close a student's link by hand, until the next session begins")
    .action(
      run(async (context: Context, name: string) => {
        show(await context.client.close(name, context.progress), 'closed', context);
      }),
    );
};
