/**
 * What `environments/` offers the daemon. It alone speaks to the engine; it knows no route and no session.
 */
import type { AccessInfo, Diagnostic, Progress } from '../domain.ts';

/** What an environment is made from; all of it is known before anything is touched. */
export interface EnvironmentSpec {
  student: string;
  port: number;
  hostname: string;
  url: string;
  /** Short id that names the folder of the agent's socket on the host. */
  socketId: string;
}

export type EnvironmentState = 'running' | 'stopped' | 'missing';

/** What the engine really has of this instance. */
export interface ObservedEnvironment {
  student: string;
  state: EnvironmentState;
  home: boolean;
}

/** Something that happened in the engine without us asking. */
export type EnvironmentChange =
  | { kind: 'started' | 'stopped' | 'removed'; student: string }
  | {
      kind: 'out-of-memory';
      student: string;
      limitBytes: number;
      peakBytes: number | null;
    }
  | { kind: 'engine-back' }
  | { kind: 'engine-away' };

/** A line that an environment has printed: a container's bytes, control characters taken out. */
export interface ContainerLogLine {
  /** ISO 8601, UTC. */
  at: string;
  text: string;
}

export interface Environments {
  /** Makes sure that no other installation of this engine has our instance's name. Throws `conflict`. */
  claimInstance(): Promise<void>;
  /**
   * Engine, image, network and firewall, each made or mended where needed. Safe to repeat, and cheap when
   * nothing is missing. Throws a DevenvError (`engine`, `image`, `network`).
   */
  prepare(progress: Progress, signal: AbortSignal): Promise<void>;
  /** Home, container, start. On any failure or abort all that this call made is gone again, then it throws. */
  create(spec: EnvironmentSpec, progress: Progress, signal: AbortSignal): Promise<{ newHome: boolean }>;
  /** Starts it, made anew around its home where the image or the settings have changed. Running: does nothing; paused: it goes on. */
  start(spec: EnvironmentSpec, progress: Progress, signal: AbortSignal): Promise<void>;
  /** Stops it; stopped or missing: does nothing. */
  stop(student: string): Promise<void>;
  /** Removes container and, unless kept, home; what is missing already is fine. */
  remove(student: string, keepHome: boolean): Promise<void>;
  /** Everything of this instance that the engine has, students that we no longer know included. */
  list(): Promise<ObservedEnvironment[]>;
  /** Ends the agent in there so that process 1 starts it again. */
  restartAgent(student: string): Promise<void>;
  /** How a client reaches the `sshd -i` in there. */
  access(spec: EnvironmentSpec): AccessInfo;
  /** What the environment has printed (its agent's complaints), newest `lines`, oldest first; none where it is missing. */
  logs(student: string, lines: number): Promise<ContainerLogLine[]>;
  /** Folder on the host in which the orchestrator listens as `agent.sock` for that environment. */
  socketDir(socketId: string): string;
  /** Calls back on changes until the signal aborts; survives restarts of the engine. */
  watch(onChange: (change: EnvironmentChange) => void, signal: AbortSignal): Promise<void>;
  /** Checks for `doctor`, each with what to do. */
  diagnose(): Promise<Diagnostic[]>;
}
