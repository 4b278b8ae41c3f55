import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';

/** One word is a line for the shell inside. Several words are one command: each arrives unchanged. */
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
    .argument('[command...]', 'after --: run this command instead of a login shell')
    .description("open a shell in a student's environment")
    .addHelpText(
      'after',
      `
The exit code is that of the shell or command. The session ends when this command ends, even if it is killed.
Several words are a command and its arguments; a single quoted word is a line for the shell inside.

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
