import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { runSession } from './ssh-session.ts';

export const addShell: AddCommand = (program, run) => {
  program
    .command('shell')
    .argument('<name>')
    .argument('[command...]', 'behind --: run this instead of a login shell')
    .description("a terminal in a student's environment")
    .addHelpText(
      'after',
      `
The exit code is that of the shell or command. The session ends with its client, however that ends.

Examples:
  devenv shell alice
  devenv shell alice -- ls -l hello`,
    )
    .action(
      run(async ({ client, settings }: Context, name: string, words: string[]) => {
        const access = await client.access(name);
        return runSession(access, settings.stateDir, words.length === 0 ? null : words.join(' '));
      }),
    );
};
