/** Runs one build in the engine, with the classic builder's API. */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

/** One line of the engine's answer. */
export interface BuildMessage {
  stream?: string;
  error?: string;
}

/** Builds an image from a context. Resolves to null, or to the reason why it failed; throws where the signal aborts. */
export async function runBuild(
  docker: Docker,
  context: Readable,
  options: Docker.ImageBuildOptions & { abortSignal: AbortSignal },
  onMessage: (message: BuildMessage) => void = () => undefined,
): Promise<string | null> {
  const stream = await docker.buildImage(context, { forcerm: true, ...options });
  const failure = await new Promise<string | null>((resolve) => {
    docker.modem.followProgress(
      stream,
      (error, messages: BuildMessage[]) =>
        resolve(error?.message ?? messages.find((message) => message.error)?.error ?? null),
      onMessage,
    );
  });
  options.abortSignal.throwIfAborted();
  return failure;
}
