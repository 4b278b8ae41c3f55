/** What `environments/` offers the other modules. It alone calls the engine, and knows no route and no session. */
import type { AccessInfo, Diagnostic, EgressPolicy, Progress, StudentImage } from '../domain.ts';
import type { Problem } from '../errors.ts';

/** What an environment is created from. */
export interface EnvironmentSpec {
  student: string;
  port: number;
  hostname: string;
  url: string;
  /** Short id: the name of the folder with the agent's socket on the host. */
  socketId: string;
  /** Uid and gid of everything that the student runs, and of the home. */
  uid: number;
  /** Hash of the key with which the edge proves itself to the relay. */
  relayKeyHash: string;
}

export interface StartOptions {
  /** Whether a student whose home is gone gets a new one, with the starter. An existing home is never replaced. */
  newHome: boolean;
}

export type EnvironmentState = 'running' | 'stopped' | 'missing';

/** What the engine has of one student of this instance. */
export interface ObservedEnvironment {
  student: string;
  state: EnvironmentState;
  /** Whether the student has a home. */
  home: boolean;
  /** Name of the image from which the container was created; null if there is none. */
  image: string | null;
}

/** A change in the engine, made by devenv, by a program in the environment or by another client of the engine. */
export type EnvironmentChange =
  | { kind: 'started' | 'stopped' | 'removed'; student: string }
  | {
      kind: 'out-of-memory';
      student: string;
      limitBytes: number;
      peakBytes: number | null;
    }
  /** The students' network was disconnected because it has no firewall; null: it is connected again. */
  | { kind: 'network'; problem: Problem | null }
  | { kind: 'engine-connected' }
  | { kind: 'engine-disconnected' };

/** A line that an environment has printed. The student controls its text; control characters are removed. */
export interface ContainerLogLine {
  /** ISO 8601, UTC. */
  at: string;
  text: string;
}

export interface Environments {
  /** Checks that no other installation on this engine uses the same instance name. Throws `conflict`. */
  claimInstance(): Promise<void>;
  /**
   * Ensures the student image and the students' network. Must run before `create` and `start`; idempotent, and cheap if
   * nothing is missing. Throws `engine`, `image`, `network` or `conflict`.
   */
  prepare(progress: Progress, signal: AbortSignal): Promise<void>;
  /** Finds out, without building it, which image the next start uses: `currentImage`. Throws `engine`. */
  findImage(): Promise<void>;
  /** The image that the next start uses; null while that is not known. */
  readonly currentImage: string | null;
  /**
   * Builds the student image on a new base. The old one stays in use until the new one is complete; environments get it
   * at their next start. Throws `image`, `busy`, `engine` or `cancelled`.
   */
  update(progress: Progress, signal: AbortSignal): Promise<StudentImage>;
  /**
   * Creates home and container and starts the environment. On a failure or abort it removes whatever it has created,
   * then throws `environment` or `cancelled`.
   */
  create(spec: EnvironmentSpec, progress: Progress, signal: AbortSignal): Promise<{ newHome: boolean }>;
  /**
   * Starts the environment. A container whose image or settings have changed is replaced; the home stays. Does nothing
   * if it runs; resumes it if it is paused. Throws `environment` for a home that is gone, unless a new one is allowed.
   */
  start(spec: EnvironmentSpec, progress: Progress, signal: AbortSignal, options: StartOptions): Promise<void>;
  /** Does nothing if the environment is stopped or missing. */
  stop(student: string): Promise<void>;
  /** Removes the container and, unless kept, the home. Either may be missing. */
  remove(student: string, keepHome: boolean): Promise<void>;
  /** Applies the limit of homes to the home of an environment that runs. Throws `environment` where that needs a restart. */
  applyHomeLimit(spec: EnvironmentSpec): Promise<void>;
  /** All environments of this instance in the engine, also those of students who are not in the store. */
  list(): Promise<ObservedEnvironment[]>;
  /**
   * The lowest uid that is not in `taken` and that neither another installation's environment nor an account of the host
   * has. Throws `environment` if there is none.
   */
  freeUid(taken: ReadonlySet<number>): Promise<number>;
  /** Kills the agent; the environment's process 1 starts it again. */
  restartAgent(student: string): Promise<void>;
  /**
   * Repairs the environment's port on the host where it refuses connections although the relay accepts them. Programs
   * keep running; their connections break. Resolves to whether a repair was needed; rejects if it failed.
   */
  repairPort(student: string, port: number): Promise<boolean>;
  /** Where the relay of an environment that runs answers on the engine's network; null if it has no address there. */
  relayAddress(student: string): Promise<{ host: string; port: number } | null>;
  /** How a client runs the environment's `sshd -i`. */
  access(spec: EnvironmentSpec): AccessInfo;
  /** Sets what students reach, at once also for those who run. Throws `network` where the firewall can't be changed. */
  setEgress(policy: EgressPolicy): Promise<void>;
  /** The newest `lines` that the environment has printed (its agent's errors), oldest first; none if it is missing. */
  logs(student: string, lines: number): Promise<ContainerLogLine[]>;
  /** The folder on the host with the socket on which the orchestrator listens for that environment. */
  socketDir(socketId: string): string;
  /**
   * Keeps the firewall active and calls back on changes until the signal aborts, then resolves. Survives restarts of the
   * engine.
   */
  watch(onChange: (change: EnvironmentChange) => void, signal: AbortSignal): Promise<void>;
  /** The checks of `devenv doctor`. */
  diagnose(): Promise<Diagnostic[]>;
}
