/**
 * A pipe to an environment's `sshd -i`, run by the engine in the client's own process: when the client dies, even
 * by SIGKILL, the engine ends sshd's input, and sshd hangs the shell up.
 */
import { Duplex, PassThrough } from 'node:stream';
import type { AccessInfo } from '../domain.ts';
import { connectEngine } from '../environments/index.ts';

export async function openExecPipe(access: AccessInfo): Promise<Duplex> {
  const docker = connectEngine();
  const exec = await docker.getContainer(access.container).exec({
    Cmd: access.command,
    User: access.user,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    // No terminal: only an exec without one gets the end of its input when its client dies.
    Tty: false,
  });
  const engine = await exec.start({ hijack: true, stdin: true });
  const output = new PassThrough();
  docker.modem.demuxStream(engine, output, new PassThrough().resume());
  for (const event of ['end', 'close'] as const) engine.once(event, () => output.end());
  const pipe = new Duplex({
    // An sshd that has gone takes no more input: whoever holds the pipe must see it close, not only end.
    allowHalfOpen: false,
    read: () => output.resume(),
    write: (chunk, _encoding, written) => engine.write(chunk, written),
    final: (ended) => engine.end(ended),
    destroy: (error, destroyed) => {
      engine.destroy();
      destroyed(error);
    },
  });
  output.on('data', (chunk) => {
    if (!pipe.push(chunk)) output.pause();
  });
  output.once('end', () => pipe.push(null));
  engine.once('error', (error) => pipe.destroy(error));
  return pipe;
}
