/**
 * Every error a person can meet. What happened and what to do next are separate fields, so that neither is
 * forgotten; `code` is what scripts match on (`--json`), `exitCode` what the shell sees.
 */

/** Why something failed, as scripts see it in `--json`. Add here first; the command line shows any of them. */
export type ErrorCode =
  | 'bad-input' // the request itself is wrong: nothing was touched
  | 'bad-settings' // the settings file or environment is wrong: nothing was touched
  | 'not-found' // no such student
  | 'exists' // that student exists already
  | 'not-running' // the orchestrator is away
  | 'busy' // something else holds what is needed
  | 'cancelled' // the person changed their mind; what was begun is undone
  | 'engine' // the Docker engine is missing, away or refused
  | 'image' // the student image could not be made
  | 'network' // the network or its firewall could not be made
  | 'environment' // the container or home could not be made, started or reached
  | 'edge' // the edge could not be made to agree
  | 'too-often' // more of it than one student may have at once: it goes on by itself
  | 'clash' // something that is not ours is in the way
  | 'internal'; // a defect in devenv

/** 2: the request was wrong and nothing was touched; 130: cancelled, as shells say it; 1: everything else. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'bad-input':
    case 'bad-settings':
    case 'not-found':
    case 'exists':
      return 2;
    case 'cancelled':
      return 130;
    case 'not-running':
    case 'busy':
    case 'engine':
    case 'image':
    case 'network':
    case 'environment':
    case 'edge':
    case 'too-often':
    case 'clash':
    case 'internal':
      return 1;
  }
}

/** The parts of an error that cross a process boundary. */
export interface Problem {
  code: ErrorCode;
  /** What happened, and with what: one sentence, no stack. */
  what: string;
  /** What to do next: a sentence or a command. */
  next: string;
  /** When it goes on by itself, where that is known: ISO 8601, UTC. */
  until?: string;
}

/** Whether there is no news in it: a wait is another figure each time. */
export function isSameProblem(one: Problem | null, other: Problem | null): boolean {
  if (one === null || other === null) return one === other;
  return one.what === other.what || (one.until !== undefined && other.until !== undefined);
}

/** What an instructor should do: problems are worded for students too, who are sent to them. */
export const nextForInstructor = ({ next }: Problem): string => next.replace(/^Tell the instructor[.:] /, '');

/** An error whose text is written for the person who meets it. */
export class DevenvError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly next: string;

  constructor(problem: Problem, options: { cause?: unknown } = {}) {
    super(problem.what, options);
    this.name = 'DevenvError';
    this.code = problem.code;
    this.what = problem.what;
    this.next = problem.next;
  }

  get problem(): Problem {
    return { code: this.code, what: this.what, next: this.next };
  }
}

/** The system's code of an error (`ENOENT` …), wherever in Node it was made; null where it has none. */
export function systemCodeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** What any thrown value says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Any thrown value as a problem for people. What is not a DevenvError is a defect of ours and says so;
 * the caller logs the original with its stack.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof DevenvError) return error.problem;
  const message = messageOf(error);
  return {
    code: 'internal',
    what: `Something went wrong inside devenv: ${message}`,
    next: 'See `devenv logs` for the details; running the command again is safe.',
  };
}
