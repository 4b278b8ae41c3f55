/**
 * The errors that people read. What happened and what to do next are separate fields, so that every error has both.
 * Scripts match on `code` (in `--json`); shells see its exit code. docs/errors.md explains each code.
 */

/** Every error code with the exit code of a command that fails with it. 2: wrong request; 130: as shells report Ctrl-C. */
export const exitCodes = {
  'bad-input': 2, // the request is wrong; nothing was changed
  'bad-settings': 2, // a setting or stored file is wrong; nothing was changed
  'not-found': 2, // no such student
  exists: 2, // that student exists already
  'not-running': 1, // the orchestrator does not answer
  busy: 1, // another process uses what is needed
  cancelled: 130, // the user cancelled; what was started is undone
  'disk-full': 1, // the state can't be written; links continue
  engine: 1, // the Docker engine is missing, unreachable or refused the request
  image: 1, // the student image could not be built
  network: 1, // the Docker network or its firewall could not be created
  environment: 1, // the container or home could not be created, started or reached
  edge: 1, // the edge could not be brought to the desired state
  'rate-limited': 1, // one student opened links too often; they open again automatically
  conflict: 1, // something that devenv does not own uses the same name or address
  internal: 1, // a defect in devenv
} as const;

/** Why an operation failed, as scripts read it in `--json`. */
export type ErrorCode = keyof typeof exitCodes;

/** An error as data: stored, sent over the API and printed by `--json`. */
export interface Problem {
  code: ErrorCode;
  /** What happened and to what: one sentence, no stack. */
  what: string;
  /** What the instructor should do next: a sentence or a command. */
  next: string;
  /** What the student should do, where it differs from `next`. */
  nextForStudent?: string;
  /** When devenv continues automatically, where that is known: ISO 8601, UTC. */
  until?: string;
}

/** `nextForStudent` of every problem that only the instructor can solve. */
export const TELL_INSTRUCTOR = 'Tell your instructor.';

/** Whether both report the same thing. Two waits are the same: only the remaining time differs. */
export function isSameProblem(one: Problem | null, other: Problem | null): boolean {
  if (one === null || other === null) return one === other;
  return one.what === other.what || (one.until !== undefined && other.until !== undefined);
}

/** An error whose text is written for people. */
export class DevenvError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options: { cause?: unknown } = {}) {
    super(problem.what, options);
    this.name = 'DevenvError';
    this.problem = problem;
  }

  get code(): ErrorCode {
    return this.problem.code;
  }

  get what(): string {
    return this.problem.what;
  }

  get next(): string {
    return this.problem.next;
  }
}

/** The system error code (`ENOENT` …) of an error from Node; null where it has none. */
export function systemCodeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** The message of any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const DISK_FULL_CODES = new Set(['ENOSPC', 'EDQUOT']);

/** Any thrown value as a problem. Other errors than DevenvError are defects: the caller logs them with their stack. */
export function problemOf(error: unknown): Problem {
  if (error instanceof DevenvError) return error.problem;
  if (DISK_FULL_CODES.has(systemCodeOf(error) ?? '')) {
    return {
      code: 'disk-full',
      what: `The disk is full: ${messageOf(error)}`,
      next: 'Free some space (`df -h`), then run the command again.',
    };
  }
  return {
    code: 'internal',
    what: `Something went wrong inside devenv: ${messageOf(error)}`,
    next: 'See `devenv logs` for the details. It is safe to run the command again.',
  };
}
