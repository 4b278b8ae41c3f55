/**
 * A pipe to an environment's `sshd -i`. The client's process opens it at the engine itself: when that process dies, even
 * by SIGKILL, the engine closes sshd's input, and sshd hangs up the shell.
 */
import { Duplex, PassThrough } from 'node:stream';
import type { AccessInfo } from '../domain.ts';
import { connectEngine } from '../environments/index.ts';

export async function openExecPipe(access: AccessInfo): Promise<Duplex> {
  const docker = connectEngine();
  const exec = await docker.getContainer(access.container).exec({
    Cmd: access.command,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    // Without a terminal: only then does the exec's input end when its client dies (moby #14391).
    Tty: false,
  });
  const engine = await exec.start({ hijack: true, stdin: true });
  const output = new PassThrough();
  docker.modem.demuxStream(engine, output, new PassThrough().resume());
  for (const event of ['end', 'close'] as const) engine.once(event, () => output.end());
  const pipe = new Duplex({
    // After sshd has exited the pipe must close completely, since nothing reads its input any more.
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
