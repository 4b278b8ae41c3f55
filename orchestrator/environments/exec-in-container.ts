/** Runs a command in a running environment. */
import { PassThrough } from 'node:stream';
import type Docker from 'dockerode';
import { HOME_PATH } from '../protocol/constants.ts';

const MAX_OUTPUT_LENGTH = 65_536;

/**
 * Runs a command as the student and waits for its end. `output` is the newest 64 KB of both streams, which the student
 * controls. Throws the signal's reason once it aborts; the command may then go on.
 */
export async function execInContainer(
  container: Docker.Container,
  command: string[],
  options: { signal?: AbortSignal } = {},
): Promise<{ code: number; output: string }> {
  const exec = await container.exec({
    Cmd: command,
    WorkingDir: HOME_PATH,
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({ hijack: true, stdin: false });
  const abort = () => stream.destroy();
  options.signal?.addEventListener('abort', abort, { once: true });
  const sink = new PassThrough();
  let output = '';
  sink.on('data', (data: Buffer) => {
    output = (output + data).slice(-MAX_OUTPUT_LENGTH);
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
