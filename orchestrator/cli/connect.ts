import { pipeline } from 'node:stream/promises';
import type { AddCommand } from './command.ts';
import type { Context } from './context.ts';

export const addConnect: AddCommand = (program, run) => {
  program
    .command('connect')
    .argument('<name>')
    .description("the raw SSH connection on stdin and stdout, for ssh's ProxyCommand (see ssh-config)")
    .action(
      run(async ({ client }: Context, name: string) => {
        const { openExecPipe } = await import('./exec-pipe.ts');
        const pipe = await openExecPipe(await client.access(name));
        // The first end that closes ends the connection: ssh closes stdin, or sshd exits.
        await Promise.race([
          pipeline(process.stdin, pipe, { end: true }),
          pipeline(pipe, process.stdout, { end: false }),
        ]);
      }),
    );
};
