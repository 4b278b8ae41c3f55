import type { Context } from './context.ts';
import { stateOf } from './list.ts';
import type { AddCommand } from './main.ts';
import { print, printJson } from './output.ts';

export const addRoute: AddCommand = (program, run) => {
  const act = (deed: 'open' | 'close') =>
    run(async ({ client, progress, json }: Context, name: string) => {
      const student = await client.act(deed, name, progress);
      progress.stop();
      if (json) printJson(student);
      else print(`${student.url}: ${deed === 'open' ? `opening (${stateOf(student)})` : 'closed'}`);
    });
  program
    .command('open')
    .argument('<name>')
    .description("open a student's link by hand, until the next session ends, `close` or `stop`")
    .action(act('open'));
  program
    .command('close')
    .argument('<name>')
    .description("close a student's link by hand, until the next session begins")
    .action(act('close'));
};
