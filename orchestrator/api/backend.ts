/**
 * What the API serves: `daemon.ts` implements it, `server.ts` calls it. Methods throw DevenvErrors for expected
 * failures; any other error is a defect.
 */
import type {
  AccessInfo,
  Diagnostic,
  Drift,
  Egress,
  EgressPolicy,
  LogLine,
  Progress,
  StudentImage,
} from '../domain.ts';
import type { StudentView } from '../student-view.ts';
import type { DaemonView } from './contract.ts';

export interface Backend {
  daemon(): DaemonView;
  list(): StudentView[];
  /** Throws `not-found`. */
  get(name: string): StudentView;
  /** Aborting undoes what was started, then throws `cancelled`. */
  create(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView>;
  /** `newHome`: a student whose home is gone gets an empty one. */
  start(name: string, newHome: boolean, progress: Progress, signal: AbortSignal): Promise<StudentView>;
  stop(name: string, progress: Progress): Promise<StudentView>;
  restart(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView>;
  remove(name: string, keepHome: boolean, progress: Progress): Promise<void>;
  /** Builds the student image on a new base. Environments get it at their next start. */
  update(progress: Progress, signal: AbortSignal): Promise<StudentImage>;
  /** Opens the link. `adopt`: takes over a foreign record or rule at the student's hostname. */
  open(name: string, adopt: boolean): Promise<StudentView>;
  close(name: string): Promise<StudentView>;
  /** How to reach the environment's `sshd -i`. Throws `environment` if it does not run. */
  access(name: string): AccessInfo;
  /** What each student reaches. */
  egress(): EgressPolicy;
  /** Sets what the class (null) or one student reaches. Throws `not-found` or `network`. */
  setEgress(name: string | null, egress: Egress): Promise<EgressPolicy>;
  /** The newest `lines` log lines, oldest first: of one student with their container's output, or of the daemon. */
  logs(name: string | null, lines: number): Promise<LogLine[]>;
  /** Compares the edge's observed with the desired state; `repair` writes what differs. Throws `edge` if it can't be read. */
  sync(repair: boolean): Promise<Drift[]>;
  diagnose(): Promise<Diagnostic[]>;
  /** Stops the daemon once running operations have ended. Environments keep running. */
  stopDaemon(): void;
}
