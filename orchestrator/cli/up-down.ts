import { networkInterfaces } from 'node:os';
import type { DaemonView } from '../api/contract.ts';
import type { AddCommand } from './command.ts';
import { type Context, settingsHere } from './context.ts';
import { endDaemon, ensureDaemon, findDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

/** Starts it, or, where it listens elsewhere than is asked for, starts it anew: students notice nothing. */
async function bringUp(
  { client, settings, progress, signal }: Context,
  listen?: string,
): Promise<DaemonView> {
  if (listen === undefined) return ensureDaemon(client, settings, progress, signal);
  const wanted = settingsHere(listen);
  const running = await findDaemon(client);
  if (running !== null && running.listen !== null && running.listen !== listen) {
    progress.step('down', `Ending the orchestrator, which listens on ${running.listen}`);
    await endDaemon(client);
  }
  try {
    return await ensureDaemon(client, wanted, progress, signal);
  } catch (error) {
    // An address that can't be had must not cost the class the one that it has.
    if (running?.listen != null) {
      await ensureDaemon(client, settingsHere(running.listen), progress, new AbortController().signal);
      progress.warn(`It listens on ${running.listen} as before`);
    }
    throw error;
  }
}

/** Names below `localhost` lead every machine to itself: others need names that lead here. */
function lanHint(listen: string | null, template: string | null): string {
  if (listen === null || template !== null || /^(127\.|localhost|\[::1\])/.test(listen)) return '';
  const here = Object.values(networkInterfaces())
    .flat()
    .find((each) => each !== undefined && each.family === 'IPv4' && !each.internal);
  const address = here?.address ?? 'ADDRESS';
  return `\nOther machines need names that lead here: set DEVENV_HOSTNAME to a wildcard of your DNS, e.g. {student}.${address}.nip.io`;
}

export const addOrchestrator: AddCommand = (program, run) => {
  program
    .command('up')
    .description('start the orchestrator, and the Docker engine where nothing else does')
    .option(
      '--listen <address>',
      "the local edge's address, e.g. 0.0.0.0:8080 for a LAN (default: DEVENV_LISTEN)",
    )
    .action(
      run(async (context: Context, { listen }: { listen?: string }) => {
        const daemon = await bringUp(context, listen);
        context.progress.stop();
        if (context.json) printJson(daemon);
        else {
          const where = daemon.listen === null ? '' : `, on ${daemon.listen}`;
          print(
            `The orchestrator runs (process ${daemon.pid}): ${daemon.edge} edge${where}, ${daemon.students} students.${lanHint(daemon.listen, context.settings.hostname)}`,
          );
        }
      }),
    );
  program
    .command('down')
    .description('end the orchestrator; students keep working, links of the local edge are away meanwhile')
    .action(
      run(async ({ client, json }: Context) => {
        const ended = await endDaemon(client);
        if (json) printJson({ ended });
        else print(ended ? 'The orchestrator has ended.' : 'The orchestrator was not running.');
      }),
    );
};
