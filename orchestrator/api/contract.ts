/**
 * What the daemon's API says, and what `--json` prints: one contract. Fields are added, never renamed or removed.
 */
import type { RoutePhase, Service, Session } from '../agents/protocol.ts';
import type { Problem } from '../errors.ts';

export interface DaemonView {
  version: string;
  pid: number;
  instance: string;
  stateDir: string;
  edge: 'local' | 'cloudflare';
  listen: string | null;
  startedAt: string;
  students: number;
}

/** Why a route is wanted or not, in the words of the design's table. */
export type RouteReason =
  | 'starting' // a watched command was typed
  | 'serving' // a service listens, or listened earlier in these sessions
  | 'grace' // the last session was lost and may come back
  | 'instructor' // opened by the instructor
  | 'nobody' // no session
  | 'no-service' // a session, but nothing has listened yet
  | 'closed-by-instructor'
  | 'too-often' // opened and closed too often of late: it opens by itself
  | 'silent' // the agent has not reported within its lease
  | 'stopped'; // the environment does not run

export interface StudentView {
  name: string;
  hostname: string;
  url: string;
  port: number;
  createdAt: string;
  environment: { state: 'running' | 'stopped' | 'missing' };
  agent: {
    state: 'connected' | 'silent' | 'away';
    lastReportSecondsAgo: number | null;
  };
  route: {
    phase: RoutePhase;
    live: boolean;
    reason: RouteReason;
    since: string;
    problem: Problem | null;
  };
  sessions: Session[];
  service: Service | null;
  /** Further servers with a link of their own (setting `links`). */
  links: { port: number; url: string; live: boolean }[];
  /** Ports that also listen, besides the service's. */
  otherPorts: number[];
}

/** One thing that `devenv doctor` has looked at. */
export interface Examination {
  subject: string;
  ok: boolean;
  /** What was found. */
  found: string;
  /** What to do; null where it is fine. */
  next: string | null;
}

/** One thing that differs between the wanted and the actual, as a person reads it in `devenv sync`. */
export interface Difference {
  hostname: string;
  student: string | null;
  /** What is there and should not be so, e.g. `rule without record`. */
  found: string;
  /** What a reconcile does about it; null where it only reports. */
  action: string | null;
  /** Why that could not be done; null where it was, or where nothing was tried. */
  failed: string | null;
}

/** How to reach an environment's `sshd -i`: the client runs this in the engine itself, past the daemon. */
export interface AccessView {
  container: string;
  user: string;
  command: string[];
}

/** A long operation, told as it goes: one JSON object a line. The last line is `done` or `failed`. */
export type ProgressEvent =
  /** A step begins; a step with the same `id` again replaces its text. */
  | { event: 'step'; id: string; text: string }
  | { event: 'step-done'; id: string; text: string }
  | { event: 'warning'; text: string }
  | { event: 'done'; result: OperationResult }
  | { event: 'failed'; problem: Problem };

/** Request header that names an operation, so that whoever began it can cancel it and still hear how it ended. */
export const OPERATION_HEADER = 'x-devenv-operation';

export type OperationResult = { student: StudentView | null };

/** Tells the one who waits what is being done. `id` names the step in kebab-case. */
export interface Progress {
  step(id: string, text: string): void;
  done(id: string, text: string): void;
  warn(text: string): void;
}
