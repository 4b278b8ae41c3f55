import type { DaemonView } from '../api/contract.ts';
import type { Diagnostic } from '../domain.ts';
import type { Settings } from '../settings-schema.ts';
import { isOpenToOthers } from '../state-folder.ts';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { findDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

/** The checks that need no daemon. One of them may explain why it does not run. */
async function diagnoseHost(settings: Settings): Promise<Diagnostic[]> {
  const { createEnvironments } = await import('../environments/index.ts');
  const { openLog } = await import('../log.ts');
  const { systemClock } = await import('../clock.ts');
  return createEnvironments({ settings, log: openLog('/dev/null'), clock: systemClock }).diagnose();
}

function diagnoseDaemon(daemon: DaemonView | null): Diagnostic {
  if (daemon === null)
    return { subject: 'Orchestrator', ok: false, found: 'not running', next: 'Start it: devenv up' };
  const { problem } = daemon;
  if (problem !== null)
    return { subject: 'Orchestrator', ok: false, found: problem.what, next: problem.next };
  const found = `running (process ${daemon.pid}), ${daemon.edge} edge`;
  return { subject: 'Orchestrator', ok: true, found, next: null };
}

function diagnoseState({ stateDir, instance }: Settings): Diagnostic {
  const found = `${stateDir}, instance ${instance}`;
  if (!isOpenToOthers(stateDir)) return { subject: 'State', ok: true, found, next: null };
  return {
    subject: 'State',
    ok: false,
    found: `${found}: other users of this host can enter the folder`,
    next: `Close it: chmod 700 ${stateDir}. If others need that folder, set DEVENV_STATE_DIR to one inside it.`,
  };
}

export const addDoctor: AddCommand = (program, run) => {
  program
    .command('doctor')
    .description('check everything that devenv needs and say what to do (exit code 1 if a check fails)')
    .action(
      run(async ({ client, settings, json }: Context) => {
        const daemon = await findDaemon(client);
        const diagnostics: Diagnostic[] = [
          diagnoseDaemon(daemon),
          diagnoseState(settings),
          ...(daemon === null ? await diagnoseHost(settings) : await client.diagnose()),
        ];
        if (json) printJson(diagnostics);
        else {
          for (const { ok, subject, found, next } of diagnostics)
            print(`${ok ? '✓' : '✗'} ${subject}: ${found}${next === null ? '' : `\n    ${next}`}`);
        }
        return diagnostics.every((each) => each.ok) ? 0 : 1;
      }),
    );
};
