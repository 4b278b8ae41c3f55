import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson } from './output.ts';

export const addOpenClose: AddCommand = (program, run) => {
  program
    .command('open')
    .argument('<name>')
    .description("open a student's link until their next session ends, or until `close` or `stop`")
    .option('--adopt', "take over a foreign DNS record or tunnel rule at the link's hostname")
    .action(
      run(async (context: Context, name: string, options: { adopt?: boolean }) => {
        const { client, progress, json } = context;
        const student = await client.open(name, options.adopt ?? false, progress);
        progress.stop();
        if (json) return printJson(student);
        const { live, problem } = student.link;
        print(live ? `${name}'s link is live: ${student.url}` : `Opening ${name}'s link: ${student.url}`);
        if (problem !== null) print(`  ${problem.what}\n  ${problem.next}`);
      }),
    );
  program
    .command('close')
    .argument('<name>')
    .description("close a student's link until their next session starts")
    .action(
      run(async ({ client, progress, json }: Context, name: string) => {
        const student = await client.close(name, progress);
        progress.stop();
        if (json) printJson(student);
        else print(`${name}'s link is closed: ${student.url}`);
      }),
    );
};
