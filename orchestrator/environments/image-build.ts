/** Runs one build in the engine, with the classic builder's API. */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { type EngineReport, followProgress } from './engine-progress.ts';

export interface BuildReport extends EngineReport {
  stream?: string;
}

/** Builds an image from a context. Resolves to null, or to the reason why it failed; throws where the signal aborts. */
export async function runBuild(
  docker: Docker,
  context: Readable,
  options: Docker.ImageBuildOptions & { abortSignal: AbortSignal },
  onReport: (report: BuildReport) => void = () => undefined,
): Promise<string | null> {
  const stream = await docker.buildImage(context, { forcerm: true, ...options });
  const failure = await followProgress(docker, stream, onReport);
  options.abortSignal.throwIfAborted();
  return failure;
}
