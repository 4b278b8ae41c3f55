/** The engine's errors, told apart by status and turned into words for people. */
import { DevenvError } from '../errors.ts';

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

/** Whether the engine answered with that HTTP status. */
export function isStatus(error: unknown, ...statuses: number[]): boolean {
  return isEngineError(error) && statuses.includes(error.statusCode);
}

/** Connection errors: the engine itself is not there. */
const AWAY = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'EACCES']);

function isAway(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && AWAY.has(error.code);
}

/** An engine's error while doing `deed` ("start alice's environment") as an error for people. */
export function explainEngineError(
  error: unknown,
  deed: string,
  student: { name: string; port: number } | null,
): unknown {
  if (error instanceof DevenvError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new DevenvError(
      {
        code: 'cancelled',
        what: `Cancelled while trying to ${deed}.`,
        next: 'Nothing is left behind; run it again at any time.',
      },
      { cause: error },
    );
  }
  if (isAway(error)) {
    return new DevenvError(
      {
        code: 'engine',
        what: `The Docker engine went away while trying to ${deed} (${error.code}).`,
        next: 'Start it (`devenv up` does, as root), then run the command again.',
      },
      { cause: error },
    );
  }
  if (!isEngineError(error)) return error;
  const message = error.json?.message ?? error.message;
  if (/port is already allocated|address already in use/i.test(message)) {
    return new DevenvError(
      {
        code: 'environment',
        what: `Port ${student?.port ?? ''} of this host is taken by something else, so devenv could not ${deed}.`,
        next: `Find it with \`ss -ltnp 'sport = :${student?.port ?? ''}'\` and end it, then run the command again.`,
      },
      { cause: error },
    );
  }
  if (/no space left on device/i.test(message)) {
    return new DevenvError(
      {
        code: 'environment',
        what: `The disk is full, so devenv could not ${deed}.`,
        next: 'Make room (`df -h`, `docker system df`), then run the command again.',
      },
      { cause: error },
    );
  }
  if (/address pool/i.test(message)) {
    return new DevenvError(
      {
        code: 'network',
        what: `The engine has no addresses left for another network, so devenv could not ${deed}.`,
        next: 'See which networks use them up: `docker network ls`, `docker network prune`.',
      },
      { cause: error },
    );
  }
  if (/no such image/i.test(message)) {
    return new DevenvError(
      {
        code: 'image',
        what: `The student image is gone, so devenv could not ${deed}.`,
        next: 'Run the command again: it is built anew.',
      },
      { cause: error },
    );
  }
  return new DevenvError(
    {
      code: 'environment',
      what: `Docker could not ${deed}: ${message}`,
      next: '`devenv doctor` checks the engine; running the command again is safe.',
    },
    { cause: error },
  );
}
