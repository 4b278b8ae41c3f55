import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';

/** A single word is a line for the shell in there; several are one command's own, and arrive as they are. */
function commandLine(words: readonly string[]): string | null {
  if (words.length <= 1) return words[0] ?? null;
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

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
A command of several words gets them as they are; one word in quotes is a line for the shell in there.

Examples:
  devenv shell alice
  devenv shell alice -- git -C hello commit -m "first try"
  devenv shell alice -- 'cd hello && npm test'`,
    )
    .action(
      run(async ({ client, settings }: Context, name: string, words: string[]) => {
        const access = await client.access(name);
        const { runSession } = await import('./ssh-session.ts');
        return runSession(access, settings.stateDir, commandLine(words));
      }),
    );
};
