import type { Command } from 'commander';
import { DevenvError } from '../errors.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { findDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

/** A bash function that gets its words from `devenv __complete`, which knows commands, options and students. */
const BASH = `# devenv completion for bash: devenv completion bash >> ~/.bashrc
_devenv() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _devenv devenv ./devenv`;

/** The words that fit at the cursor: options after a dash; otherwise a command first, then a student. */
function candidates(program: Command, words: readonly string[], students: readonly string[]): string[] {
  const current = words.at(-1) ?? '';
  const command = program.commands.find((each) => each.name() === words[0]);
  if (current.startsWith('-')) return (command ?? program).options.flatMap((option) => option.long ?? []);
  if (words.length <= 1)
    return program.commands.map((each) => each.name()).filter((name) => !name.startsWith('_'));
  if (command?.name() === 'completion') return ['bash'];
  const takesStudent = command?.registeredArguments[0]?.name() === 'name' && command.name() !== 'create';
  return takesStudent && words.length === 2 ? [...students] : [];
}

export const addCompletion: AddCommand = (program, run) => {
  program
    .command('completion')
    .argument('<shell>', 'bash')
    .description('print shell completion: devenv completion bash >> ~/.bashrc')
    .action(
      run(async ({ json }: Context, shell: string) => {
        if (shell !== 'bash') {
          const what = `There is no completion for '${shell}'.`;
          throw new DevenvError({ code: 'bad-input', what, next: 'Run: devenv completion bash' });
        }
        if (json) printJson({ shell, script: BASH });
        else print(BASH);
      }),
    );
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(
      run(async ({ client }: Context, words: string[]) => {
        const students =
          (await findDaemon(client)) === null ? [] : (await client.list()).map(({ name }) => name);
        print(candidates(program, words, students).join('\n'));
      }),
    );
};
