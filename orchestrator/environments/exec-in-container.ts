import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';

/** Runs a command as the student to its end. `output` is both streams, newest 64 KB; bytes of a container: hostile. */
export async function execInContainer(
  container: Docker.Container,
  command: string[],
  options: { signal?: AbortSignal } = {},
): Promise<{ code: number; output: string }> {
  const exec = await container.exec({
    Cmd: command,
    User: '1000:1000',
    WorkingDir: '/home/student',
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({ hijack: true, stdin: false });
  const abort = () => stream.destroy();
  options.signal?.addEventListener('abort', abort, { once: true });
  const sink = new PassThrough();
  let output = '';
  sink.on('data', (data: Buffer) => {
    output = (output + data).slice(-65_536);
  });
  container.modem.demuxStream(stream, sink, sink);
  await new Promise<void>((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  options.signal?.removeEventListener('abort', abort);
  options.signal?.throwIfAborted();
  const { ExitCode: code } = await exec.inspect();
  return { code: code ?? 1, output };
}
