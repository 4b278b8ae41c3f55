import { Argument } from 'commander';
import type { Egress, EgressPolicy } from '../domain.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson } from './output.ts';

/** The policy as text. */
function describeEgress({ everyone, exceptions }: EgressPolicy): string {
  const lines = [`class: ${everyone}`];
  for (const [name, egress] of Object.entries(exceptions)) lines.push(`${name}: ${egress}`);
  return lines.join('\n');
}

export const addEgress: AddCommand = (program, run) => {
  program
    .command('egress')
    .addArgument(new Argument('[egress]', 'what students reach').choices(['internet', 'none']))
    .argument('[name]', 'one student; without a name the whole class, also students who had an own value')
    .description(
      'switch off the internet during an exam, for the class or one student; without arguments show it',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  devenv egress none\n  devenv egress internet alice\n  devenv egress internet',
    )
    .action(
      run(async ({ client, json }: Context, egress?: Egress, name?: string) => {
        const policy =
          egress === undefined ? await client.egress() : await client.setEgress(name ?? null, egress);
        if (json) printJson(policy);
        else print(describeEgress(policy));
      }),
    );
};
