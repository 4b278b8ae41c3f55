/**
 * What makes routes real. An edge knows no student's environment and no session: it is given hostnames and the
 * origins they lead to, and makes the world agree. `routes/` calls it under the one lock: never two calls of
 * `publish` or `reconcile` at a time.
 */
import type { Diagnostic, Drift } from '../domain.ts';
import type { Problem } from '../errors.ts';

/** "This hostname leads to this origin." */
export interface Route {
  student: string;
  hostname: string;
  /** The relay as the host reaches it, e.g. `http://127.0.0.1:3001`. */
  origin: string;
}

/** A student as the edge needs to know them, from `create` to `rm`. */
export interface RegisteredRoute extends Route {
  /** A person told us to take over what somebody else has at that hostname. */
  adopt: boolean;
}

/** All that should be so at the edge at one moment: whole state, so that nothing needs to be replayed. */
export interface DesiredState {
  routes: readonly Route[];
  registered: readonly RegisteredRoute[];
}

/** Why it failed for a student, and whether the route stands all the same; not said where that is not known. */
export interface FailedOutcome {
  student: string;
  problem: Problem;
  isPresent?: boolean;
}

/** What became of one student's part of a publication. Nobody named means: nothing differed, or all done. */
export type Outcome =
  | { student: string; result: 'done' }
  /** May work later: it is tried again while it is wanted. `afterMs` where the edge said how long to wait. */
  | (FailedOutcome & { result: 'later'; afterMs?: number })
  /** Will not work until a person does something. */
  | (FailedOutcome & { result: 'refused' });

export interface Publication {
  /**
   * The wanted state, read at the latest possible moment: an edge calls it right before its first write, since
   * whoever comes until then is taken in, and whoever comes later is in the next publication.
   */
  take(): DesiredState;
  /** Resolves when whoever starts in the same moment has come. Where a write costs calls, it waits for this; reading need not. */
  company: Promise<void>;
  /** Aborted when the daemon stops: end the running call, write nothing more. */
  signal: AbortSignal;
}

/** What is known about a link being reachable from outside. */
export type Confirmation =
  | { live: true }
  /** `known` says how far it got, `problem.next` what to check. */
  | { live: false; problem: Problem };

/** What differs, before anybody has tried to mend it. */
export type DetectedDrift = Omit<Drift, 'failed'>;

/** What a run of the edge found, where it looked, and what became of it. */
export interface Reconciliation {
  differences: readonly DetectedDrift[];
  /** For each student for whom something was changed or failed. */
  outcomes: readonly Outcome[];
  /** Why it failed as a whole, for everybody; null where it did not. */
  problem: Problem | null;
}

export interface Edge {
  readonly kind: 'local' | 'cloudflare';
  /** Ready to publish. Throws a DevenvError where settings, token or address are wrong. */
  start(): Promise<void>;
  /** Calls back when a publication has something to do though nobody's wish has changed. */
  onRunDue(due: () => void): void;
  /** The hostname of a student. Throws a DevenvError while it can't be known. */
  hostname(student: string): Promise<string>;
  /** The same without asking anybody: null while it isn't known. Never one name for two students. */
  knownHostname(student: string): string | null;
  /** Calls back when hostnames are known that weren't when this process began. */
  onHostnamesKnown(known: () => void): void;
  /** The link for a hostname, as a person opens it. */
  url(hostname: string): string;
  /** Refuses a hostname that cannot be served, before anything is made. Throws a DevenvError. */
  checkHostname(hostname: string): void;
  /** Makes the edge as wanted, and looks first at what is there only where that is in doubt. */
  publish(publication: Publication): Promise<Reconciliation>;
  /** Compares wanted and actual; with `mend` makes them agree, under the same rules as `publish`. */
  reconcile(publication: Publication, mend: boolean): Promise<Reconciliation>;
  /** Resolves when the link answers as that student's, or with what is known when `signal` aborts. */
  confirm(route: Route, signal: AbortSignal): Promise<Confirmation>;
  /** What `devenv doctor` looks at on this edge. */
  diagnose(): Promise<Diagnostic[]>;
  /** Lets go of everything of this process (sockets, timers). What is published stays. */
  stop(): Promise<void>;
}
