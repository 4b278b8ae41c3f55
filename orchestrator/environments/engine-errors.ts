/** Turns the Docker engine's errors into errors for people. */
import { DevenvError, type ErrorCode } from '../errors.ts';

interface EngineError {
  statusCode: number;
  json?: { message?: string };
  message: string;
}

function isEngineError(error: unknown): error is EngineError {
  return (
    typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
  );
}

/** Whether the engine answered with one of these HTTP statuses. */
export function isStatus(error: unknown, ...statuses: number[]): boolean {
  return isEngineError(error) && statuses.includes(error.statusCode);
}

/** System errors of a connection to an engine that does not run. */
const CONNECTION_ERRORS = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'EACCES']);

function isConnectionError(error: unknown): error is Error & { code: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    CONNECTION_ERRORS.has(error.code)
  );
}

interface Failure {
  /** What was tried, as in "start alice's environment". */
  operation: string;
  /** The student's port; empty where no student is concerned. */
  port: number | '';
}

interface KnownError {
  pattern: RegExp;
  code: ErrorCode;
  what(failure: Failure): string;
  next(failure: Failure): string;
}

/** Whether an error says that the engine could not mount a volume. */
export const isMountFailure = (error: unknown): boolean =>
  isEngineError(error) && /failed to mount local volume/i.test(error.json?.message ?? error.message);

const DISK_FULL = /no space left on device|disk quota exceeded/i;

/** Whether a message of the engine says that its disk is full. */
export const isDiskFull = (message: string): boolean => DISK_FULL.test(message);

const diskFullText = (operation: string) => `The disk is full, so devenv could not ${operation}.`;
const FREE_ENGINE_DISK = 'Free some space (`df -h`, `docker system df`), then run the command again.';

/** The error for an operation that the engine's full disk has stopped. */
export const diskFullError = (operation: string): DevenvError =>
  new DevenvError({ code: 'environment', what: diskFullText(operation), next: FREE_ENGINE_DISK });

/** The engine's messages with a cause that people can fix. */
const KNOWN_ERRORS: readonly KnownError[] = [
  {
    pattern: /port is already allocated|address already in use/i,
    code: 'environment',
    what: ({ operation, port }) =>
      `Another program uses port ${port} of this host, so devenv could not ${operation}.`,
    next: ({ port }) =>
      `Find it with \`ss -ltnp 'sport = :${port}'\` and stop it, then run the command again.`,
  },
  {
    pattern: DISK_FULL,
    code: 'environment',
    what: ({ operation }) => diskFullText(operation),
    next: () => FREE_ENGINE_DISK,
  },
  {
    pattern: /address pool/i,
    code: 'network',
    what: ({ operation }) =>
      `Docker has no addresses left for another network, so devenv could not ${operation}.`,
    next: () => 'List the networks with `docker network ls`; `docker network prune` removes unused ones.',
  },
  {
    pattern: /no such image/i,
    code: 'image',
    what: ({ operation }) => `The student image was removed, so devenv could not ${operation}.`,
    next: () => 'Run the command again: it builds the image.',
  },
];

/**
 * The error for people, with the engine's as its cause. `operation` is what was tried, as in "start alice's
 * environment". Returns errors that are no engine's unchanged.
 */
export function explainEngineError(error: unknown, operation: string, port: number | '' = ''): unknown {
  if (error instanceof DevenvError) return error;
  const options = { cause: error };
  if (error instanceof Error && error.name === 'AbortError') {
    const what = `Cancelled while trying to ${operation}.`;
    return new DevenvError(
      { code: 'cancelled', what, next: 'Everything was undone. You can run the command again.' },
      options,
    );
  }
  if (isConnectionError(error)) {
    const what = `The Docker engine stopped answering while devenv tried to ${operation} (${error.code}).`;
    const next = 'Start it (as root, `devenv up` does), then run the command again.';
    return new DevenvError({ code: 'engine', what, next }, options);
  }
  if (!isEngineError(error)) return error;
  const message = error.json?.message ?? error.message;
  const known = KNOWN_ERRORS.find(({ pattern }) => pattern.test(message));
  if (known) {
    const failure = { operation, port };
    return new DevenvError(
      { code: known.code, what: known.what(failure), next: known.next(failure) },
      options,
    );
  }
  const next = '`devenv doctor` checks the engine. You can safely run the command again.';
  return new DevenvError(
    { code: 'environment', what: `Docker could not ${operation}: ${message}`, next },
    options,
  );
}
