import type { Diagnostic } from '../domain.ts';
import type { Settings } from '../settings-schema.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { findDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

/** What can be looked at without the orchestrator, which may be away because of it. */
async function examineHere(settings: Settings): Promise<Diagnostic[]> {
  const { createEnvironments } = await import('../environments/index.ts');
  const { openLog } = await import('../log.ts');
  return createEnvironments({ settings, log: openLog('/dev/null') }).diagnose();
}

export const addDoctor: AddCommand = (program, run) => {
  program
    .command('doctor')
    .description(
      'look at everything that devenv needs, and say what to do (exit code 1 where something is wrong)',
    )
    .action(
      run(async ({ client, settings, json }: Context) => {
        const daemon = await findDaemon(client);
        const examinations: Diagnostic[] = [
          {
            subject: 'Orchestrator',
            ok: daemon !== null,
            found: daemon === null ? 'does not run' : `runs (process ${daemon.pid}), ${daemon.edge} edge`,
            next: daemon === null ? '`devenv up` starts it.' : null,
          },
          {
            subject: 'State',
            ok: true,
            found: `${settings.stateDir}, instance ${settings.instance}`,
            next: null,
          },
          ...(daemon === null ? await examineHere(settings) : await client.diagnose()),
        ];
        if (json) printJson(examinations);
        else {
          for (const { ok, subject, found, next } of examinations) {
            print(`${ok ? '✓' : '✗'} ${subject}: ${found}${next === null ? '' : `\n    ${next}`}`);
          }
        }
        return examinations.every((each) => each.ok) ? 0 : 1;
      }),
    );
};
