/** Types that several modules of the orchestrator share. They belong to no transport and to no store. */
import type { Problem } from './errors.ts';

/** Where a route stands, as the student may know it. */
export type LinkPhase = 'closed' | 'opening' | 'open' | 'closing';

/** Why a route is wanted or not, in the words of the design's table. */
export type LinkReason =
  | 'starting' // a watched command was typed
  | 'serving' // a service listens, or listened earlier in these sessions
  | 'grace' // the last session was lost and may come back
  | 'instructor' // opened by the instructor
  | 'no-session'
  | 'no-service' // a session, but nothing has listened yet
  | 'closed-by-instructor'
  | 'rate-limited' // opened and closed too often; it opens again automatically
  | 'agent-silent' // no heartbeat within the heartbeat timeout
  | 'stopped';

/** One thing that `devenv doctor` has looked at. */
export interface Diagnostic {
  subject: string;
  ok: boolean;
  /** What was found. */
  found: string;
  /** What to do; null where it is fine. */
  next: string | null;
}

/** One thing that differs between the wanted and the actual, as a person reads it in `devenv sync`. */
export interface Drift {
  hostname: string;
  student: string | null;
  /** What is there and should not be so, e.g. `rule without record`. */
  found: string;
  /** What a reconcile does about it; null where it only reports. */
  action: string | null;
  /** Why the action failed; null if it succeeded or was not tried. */
  failed: Problem | null;
}

/** How to reach an environment's `sshd -i`: the client runs this in the engine itself, past the daemon. */
export interface AccessInfo {
  container: string;
  user: string;
  command: string[];
}

/** Tells the one who waits what is being done. `id` names the step in kebab-case. */
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
