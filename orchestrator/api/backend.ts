/**
 * What the daemon can do, as the API offers it. `daemon.ts` implements it, `server.ts` serves it. Every method
 * throws a DevenvError for what a person can meet.
 */

import type { AccessInfo, Diagnostic, Drift, LogLine, Progress } from '../domain.ts';
import type { DaemonView, StudentView } from './contract.ts';

export interface Backend {
  daemon(): DaemonView;
  list(): StudentView[];
  /** Throws `not-found`. */
  get(name: string): StudentView;
  /** Aborting undoes what was begun, and then throws `cancelled`. */
  create(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView>;
  start(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView>;
  stop(name: string, progress: Progress): Promise<StudentView>;
  restart(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView>;
  remove(name: string, keepHome: boolean, progress: Progress): Promise<void>;
  /** `adopt`: takes over what somebody else has at the student's hostname. */
  open(name: string, adopt: boolean): Promise<StudentView>;
  close(name: string): Promise<StudentView>;
  /** How to reach the environment's `sshd -i`; throws where it does not run. */
  access(name: string): AccessInfo;
  /** Newest `lines` of one student (their environment's own included), or of the daemon. Oldest first. */
  logs(name: string | null, lines: number): Promise<LogLine[]>;
  /** Compares wanted and actual at the edge; with `mend` makes them agree. Throws `edge` where it can't be looked at. */
  sync(mend: boolean): Promise<Drift[]>;
  diagnose(): Promise<Diagnostic[]>;
  /** Ends the daemon in good order; students keep working. */
  shutdown(): void;
}
