import type { Drift } from '../domain.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { print, printJson } from './output.ts';
import { table } from './table.ts';

/** What is only reported needs a person, whether it was a dry run or not. */
function outcomeOf({ action, failed }: Drift, dryRun: boolean): string {
  if (action === null) return 'look at it: not touched';
  if (dryRun) return action;
  return failed === null ? `${action}: done` : `${action}: failed. ${failed}`;
}

function describe(differences: readonly Drift[], dryRun: boolean): string {
  if (differences.length === 0) return 'Nothing differs: the edge is as it should be.';
  const rows = differences.map((each) => [
    each.hostname,
    each.student ?? '-',
    each.found,
    outcomeOf(each, dryRun),
  ]);
  return table(['HOSTNAME', 'STUDENT', 'FOUND', 'DEVENV DOES'], rows);
}

export const addSync: AddCommand = (program, run) => {
  program
    .command('sync')
    .description(
      'compare the edge with what it should be, and mend what differs (it is done every 5 minutes)',
    )
    .option('--dry-run', 'only show what differs')
    .action(
      run(async ({ client, progress, json }: Context, options: { dryRun?: boolean }) => {
        const dryRun = options.dryRun ?? false;
        progress.step('sync', 'Comparing the edge with what it should be');
        const differences = await client.sync(!dryRun);
        progress.stop();
        if (json) printJson(differences);
        else print(describe(differences, dryRun));
        return differences.some(({ failed }) => failed !== null) ? 1 : 0;
      }),
    );
};
