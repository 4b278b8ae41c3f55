/** Reads what the engine reports while it pulls, imports or builds an image. */
import type Docker from 'dockerode';

/** A report says `error` where the engine gave up; its answer's status was a success long before. */
export interface EngineReport {
  error?: string;
}

/** Resolves at the end of the answer: to null, or to the reason why the engine gave up or the answer ended early. */
export function followProgress<Report extends EngineReport>(
  docker: Docker,
  answer: NodeJS.ReadableStream,
  onReport: (report: Report) => void = () => undefined,
): Promise<string | null> {
  let failure: string | null = null;
  return new Promise((resolve) => {
    docker.modem.followProgress(
      answer,
      (error) => resolve(error?.message ?? failure),
      (report: Report) => {
        failure ??= report.error ?? null;
        onReport(report);
      },
    );
  });
}
