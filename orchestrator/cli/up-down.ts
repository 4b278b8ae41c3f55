import { networkInterfaces } from 'node:os';
import type { DaemonView } from '../api/contract.ts';
import type { AddCommand } from './command.ts';
import { type Context, settingsHere } from './context.ts';
import { ensureDaemon, findDaemon, stopDaemon } from './daemon-process.ts';
import { print, printJson, warnOf } from './output.ts';

/** Starts the daemon. Restarts it where it listens on another address than `listen`; students continue to work. */
async function startOn(
  { client, settings, progress, signal }: Context,
  listen: string | undefined,
): Promise<DaemonView> {
  if (listen === undefined) return ensureDaemon(client, settings, progress, signal);
  const requested = settingsHere(listen);
  const running = await findDaemon(client);
  if (running !== null && running.listen !== null && running.listen !== listen) {
    progress.step('down', `Stopping the orchestrator, which listens on ${running.listen}`);
    await stopDaemon(client);
  }
  try {
    return await ensureDaemon(client, requested, progress, signal);
  } catch (error) {
    // The class must not lose a working address because the requested one is not available.
    if (running?.listen != null) {
      await ensureDaemon(client, settingsHere(running.listen), progress, new AbortController().signal);
      progress.warn(`The orchestrator listens on ${running.listen} as before`);
    }
    throw error;
  }
}

/** On a LAN address: names below `localhost` point every machine to itself, so other machines need other hostnames. */
function lanHint(listen: string | null, template: string | null): string {
  if (listen === null || template !== null || /^(127\.|localhost|\[::1\])/.test(listen)) return '';
  const lan = Object.values(networkInterfaces())
    .flat()
    .find((each) => each !== undefined && each.family === 'IPv4' && !each.internal);
  const address = lan?.address ?? 'ADDRESS';
  return `\nOther machines need hostnames that point to this one: set DEVENV_HOSTNAME to a wildcard of your DNS, e.g. {student}.${address}.nip.io`;
}

function describeDaemon({ pid, edge, listen, students }: DaemonView, template: string | null): string {
  const where = listen === null ? '' : ` on ${listen}`;
  const count = students === 1 ? '1 student' : `${students} students`;
  return `Orchestrator running (process ${pid}): ${edge} edge${where}, ${count}.${lanHint(listen, template)}`;
}

export const addUpDown: AddCommand = (program, run) => {
  program
    .command('up')
    .description('start the orchestrator, and the Docker engine if needed')
    .option(
      '--listen <address>',
      'address of the local edge, e.g. 0.0.0.0:8080 for a LAN (default: DEVENV_LISTEN)',
    )
    .action(
      run(async (context: Context, { listen }: { listen?: string }) => {
        const daemon = await startOn(context, listen);
        context.progress.stop();
        if (context.json) printJson(daemon);
        else {
          print(describeDaemon(daemon, context.settings.hostname));
          warnOf(daemon.problem);
        }
      }),
    );
  program
    .command('down')
    .description(
      'stop the orchestrator and the local edge; students continue to work, but local links do not answer meanwhile',
    )
    .action(
      run(async ({ client, json, settings }: Context) => {
        const stopped = await stopDaemon(client);
        const { endLocalEdge } = await import('../edges/local/index.ts');
        const isEdgeEnded = await endLocalEdge(settings.stateDir);
        if (json) printJson({ stopped });
        else if (stopped) print('Orchestrator stopped.');
        else
          print(
            isEdgeEnded
              ? 'The orchestrator was not running. The local edge has ended.'
              : 'The orchestrator was not running.',
          );
      }),
    );
};
