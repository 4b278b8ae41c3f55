import type { Context } from './context.ts';
import { endDaemon, ensureDaemon } from './daemon-process.ts';
import type { AddCommand } from './main.ts';
import { print, printJson } from './output.ts';

export const addOrchestrator: AddCommand = (program, run) => {
  program
    .command('up')
    .description('start the orchestrator, and the Docker engine where nothing else does')
    .action(
      run(async ({ client, settings, progress, signal, json }: Context) => {
        const daemon = await ensureDaemon(client, settings, progress, signal);
        progress.stop();
        if (json) printJson(daemon);
        else {
          const where = daemon.listen === null ? '' : `, on ${daemon.listen}`;
          print(
            `The orchestrator runs (process ${daemon.pid}): ${daemon.edge} edge${where}, ${daemon.students} students.`,
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
