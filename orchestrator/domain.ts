/** Types that several modules of the orchestrator share. They belong to no transport and to no store. */
import type { Problem } from './errors.ts';

/** What the edge has of a link now, on the way to its desired state. */
export type LinkPhase = 'closed' | 'opening' | 'open' | 'closing';

/** Why a link is desired or not. */
export type LinkReason =
  | 'starting' // a watched command was typed
  | 'serving' // a server listens, or has listened during these sessions
  | 'grace' // the last session was lost and may return
  | 'instructor' // opened by the instructor
  | 'no-session'
  | 'no-service' // a session, but nothing has listened yet
  | 'closed-by-instructor'
  | 'rate-limited' // opened and closed too often; it opens again automatically
  | 'agent-silent' // no heartbeat within the heartbeat timeout
  | 'stopped'; // the environment does not run

/** What a student reaches: the internet, or nothing while visitors still reach the student's link. */
export type Egress = 'internet' | 'none';

/** What each student reaches. */
export interface EgressPolicy {
  /** For every student without an own value. */
  everyone: Egress;
  /** Values of single students, by name. */
  exceptions: Record<string, Egress>;
}

/** What the student reaches. */
export const egressOf = ({ everyone, exceptions }: EgressPolicy, student: string): Egress =>
  exceptions[student] ?? everyone;

/** One check of `devenv doctor`. */
export interface Diagnostic {
  subject: string;
  ok: boolean;
  /** What was found. */
  found: string;
  /** What to do; null if it is ok. */
  next: string | null;
}

/** The image of the students' environments. */
export interface StudentImage {
  /** Its name in the engine. */
  name: string;
  /** What its base was made from: `debian@sha256:…` or `mmdebstrap`. */
  base: string;
  /** When its base was made and its packages were the newest: ISO 8601, UTC. */
  builtAt: string;
}

/** One difference between desired and observed state at the edge, as `devenv sync` shows it. */
export interface Drift {
  hostname: string;
  student: string | null;
  /** What the edge has or lacks, e.g. `rule without record`. */
  found: string;
  /** How a repair changes it; null if it is only reported. */
  action: string | null;
  /** Why the action failed; null if it succeeded or was not tried. */
  failed: Problem | null;
}

/** How to reach an environment's `sshd -i`. The client runs it in the engine itself, without the daemon. */
export interface AccessInfo {
  container: string;
  command: string[];
}

/** Receives the steps of a long operation. `id` names the step in kebab-case; a repeated one replaces its text. */
export interface Progress {
  step(id: string, text: string): void;
  done(id: string, text: string): void;
  warn(text: string): void;
}

export interface LogLine {
  /** ISO 8601, UTC. */
  at: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  student: string | null;
  text: string;
}
