import { createInterface } from 'node:readline/promises';
import { DevenvError } from '../errors.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson } from './output.ts';

/** Asks a yes/no question on the terminal. Throws `bad-input` without a terminal. */
async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new DevenvError({
      code: 'bad-input',
      what: 'rm asks before it removes a student, but there is no terminal to ask on.',
      next: 'Add --yes to remove without being asked.',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } catch (error) {
    // Ctrl-C leaves the cursor behind the question.
    process.stderr.write('\n');
    throw error;
  } finally {
    terminal.close();
  }
}

export const addRm: AddCommand = (program, run) => {
  program
    .command('rm')
    .argument('<name>')
    .description('remove a student: link, environment, port and home')
    .option('-y, --yes', 'do not ask')
    .option('--keep-home', 'keep the home for the next `create` of that name')
    .action(
      run(async (context: Context, name: string, options: { yes?: boolean; keepHome?: boolean }) => {
        const { client, progress, json } = context;
        const student = await client.get(name);
        const keepHome = options.keepHome ?? false;
        const effect = keepHome
          ? 'The home is kept.'
          : 'The home and all work in it are deleted permanently.';
        const warning = student.sessions.length > 0 ? ` ${name} has an open session.` : '';
        if (!options.yes && !(await confirm(`Remove ${name}?${warning} ${effect} [y/N] `))) {
          throw new DevenvError({
            code: 'cancelled',
            what: `${name} was not removed.`,
            next: 'Nothing was changed.',
          });
        }
        const warnings: string[] = [];
        await client.remove(name, keepHome, {
          step: (id, text) => progress.step(id, text),
          done: (id, text) => progress.done(id, text),
          warn: (text) => {
            warnings.push(text);
            progress.warn(text);
          },
        });
        progress.stop();
        if (json) return printJson({ removed: name, keptHome: keepHome, warnings });
        const kept = keepHome ? ` The home is kept: devenv create ${name} uses it again.` : '';
        print(`Removed ${name}.${kept}`);
      }),
    );
};
