import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';
import { ensureDaemon } from './daemon-process.ts';
import { print, printJson } from './output.ts';

const descriptions = {
  stop: "stop a student's environment; the student keeps home, port and link",
  start: "start a student's environment",
  restart: "stop and start a student's environment",
} as const;

export const addStartStop: AddCommand = (program, run) => {
  for (const operation of ['stop', 'start', 'restart'] as const) {
    program
      .command(operation)
      .argument('<name>')
      .description(descriptions[operation])
      .action(
        run(async (context: Context, name: string) => {
          const { client, settings, progress, json } = context;
          if (operation !== 'stop') await ensureDaemon(client, settings, progress, context.signal);
          const student =
            operation === 'stop'
              ? await client.stop(name, progress)
              : await client[operation](name, progress, context.signal);
          progress.stop();
          if (json) printJson(student);
          else print(`${name}'s environment is ${student.environment.state}.`);
        }),
      );
  }
};
