import type { Drift } from '../domain.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { continuationOf, print, printJson } from './output.ts';
import { table } from './table.ts';

/** What devenv did, or would do in a dry run. It never changes what it does not own: that is the instructor's to check. */
function outcomeOf({ action, failed }: Drift, dryRun: boolean): string {
  if (action === null) return 'not changed: check it';
  if (dryRun) return action;
  return failed === null ? `${action}: done` : `${action}: failed. ${failed.what}`;
}

/** `now`: ms since 1970. */
export function describeDrift(drift: readonly Drift[], dryRun: boolean, now: number): string {
  if (drift.length === 0) return 'Everything is in sync.';
  const rows = drift.map((each) => [each.hostname, each.student ?? '-', each.found, outcomeOf(each, dryRun)]);
  const advice = drift.flatMap(({ failed }) =>
    failed === null ? [] : [failed.next, continuationOf(failed, now) ?? ''],
  );
  const lines = [...new Set(advice)].filter((line) => line !== '');
  return [table(['HOSTNAME', 'STUDENT', 'FOUND', 'ACTION'], rows), ...lines].join('\n');
}

export const addSync: AddCommand = (program, run) => {
  program
    .command('sync')
    .description(
      'compare the edge with the desired state and repair what differs (also done every 5 minutes)',
    )
    .option('--dry-run', 'only list what differs')
    .action(
      run(async ({ client, progress, json }: Context, options: { dryRun?: boolean }) => {
        const dryRun = options.dryRun ?? false;
        progress.step('sync', 'Comparing the edge with the desired state');
        const drift = await client.sync(!dryRun);
        progress.stop();
        if (json) printJson(drift);
        else print(describeDrift(drift, dryRun, Date.now()));
        return drift.some(({ failed }) => failed !== null) ? 1 : 0;
      }),
    );
};
