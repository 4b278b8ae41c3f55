/**
 * An edge makes routes reachable. It knows no environment and no session: it is given hostnames with the origins
 * that they forward to, and makes the world outside agree. `routes/` starts one run of an edge at a time.
 */
import type { Diagnostic, Drift } from '../domain.ts';
import type { Problem } from '../errors.ts';
import type { RateLimit } from '../token-bucket.ts';

/**
 * Names one route, as owner tags do: the student's name for their own link, `alice-4000` for an additional one of
 * alice's. It is never used as a student's name: that is the route's `owner`.
 */
export type RouteId = string & { readonly brand: 'RouteId' };

/** `text`: a student's name, with the port behind it for an additional link; or the text of an owner tag. */
export const routeId = (text: string): RouteId => text as RouteId;

/** "This hostname forwards to this origin." */
export interface Route {
  id: RouteId;
  /** The name of the student whose route it is. */
  owner: string;
  hostname: string;
  /** The relay as the host reaches it, e.g. `http://127.0.0.1:3001`. */
  origin: string;
  /** Proves to the relay that a request comes through the edge (`protocol/relay-key.ts`); null if it checks none. */
  relayKey: string | null;
}

/** A route as the edge has to know it, from `create` to `rm`, open or closed. */
export interface RegisteredRoute extends Route {
  /** The instructor asked to take over what another owner has at that hostname. */
  adopt: boolean;
}

/** The whole state that the edge should have at one moment, so that no event has to be replayed. */
export interface DesiredState {
  /** The open routes. */
  routes: readonly Route[];
  registered: readonly RegisteredRoute[];
}

/** What an outcome or a drift is about: a registered route, or something of ours at the edge that is left of one. */
export interface RouteReference {
  hostname: string;
  /** Null where neither a registered route nor an owner tag names it. */
  id: RouteId | null;
  /** The student's name; null where the route is not registered. */
  owner: string | null;
}

/** Why it failed for a route, and whether the edge has the route all the same; absent where that is unknown. */
export interface FailedOutcome extends RouteReference {
  problem: Problem;
  isPresent?: boolean;
}

/** How a run ended for one route. A route without an outcome: nothing differed, or all was applied. */
export type Outcome =
  | (RouteReference & { kind: 'applied' })
  /** May work later: retried while the route is desired. `afterMs`: where the edge said how long to wait. */
  | (FailedOutcome & { kind: 'retry'; afterMs?: number })
  /** Will not work until a person acts. */
  | (FailedOutcome & { kind: 'refused' });

/** Whether a route is reachable from outside. */
export type Confirmation =
  | { kind: 'live' }
  /** `problem` says how far it got, and what to check. */
  | { kind: 'not-live'; problem: Problem };

/** What differs, before a repair was tried. */
export type DetectedDrift = RouteReference & Pick<Drift, 'found' | 'action'>;

/** What one run found where it read everything, and how it ended. */
export interface RunReport {
  drift: readonly DetectedDrift[];
  /** For each route that was changed or failed. */
  outcomes: readonly Outcome[];
  /** Why the run failed as a whole, for every route; null where it did not. */
  problem: Problem | null;
}

export interface BeginOptions {
  /** `reconcile` reads everything at the edge first; `publish` only what is not known. */
  mode: 'publish' | 'reconcile';
  /** Aborted when the daemon stops: ends the running call, and no further write is sent. */
  signal: AbortSignal;
}

/** A run that has begun. Call exactly one of its methods, once: either one ends the run and releases the lock. */
export interface EdgeRun {
  /** Makes the edge agree with `snapshot`. A failure is in the report; rejects only for a defect of ours. */
  apply(snapshot: DesiredState): Promise<RunReport>;
  /** A dry run: what differs from `snapshot`. Rejects with a DevenvError where the edge can't be read. */
  diff(snapshot: DesiredState): Promise<readonly DetectedDrift[]>;
}

export interface Edge {
  readonly kind: 'local' | 'cloudflare';
  /** Whether a write costs so much that changes should be collected for a moment first. */
  readonly hasCostlyWrites: boolean;
  /** How often all students together may open links beyond ordinary use; null where an opening costs nothing. */
  readonly sharedOpenings: RateLimit | null;
  /** Gets ready for the first run. Throws a DevenvError where settings, token or address are wrong. */
  start(): Promise<void>;
  /** Calls back when a run has something to do though the desired state is the same. */
  onRunDue(due: () => void): void;
  /** The hostname of a student. Throws a DevenvError while it can't be known. */
  hostname(student: string): Promise<string>;
  /** The same without a call: null while it isn't known. Two students never get the same hostname. */
  knownHostname(student: string): string | null;
  /** Calls back when hostnames are known that weren't when this process started. */
  onHostnamesKnown(known: () => void): void;
  /** The link for a hostname, as a person opens it. */
  url(hostname: string): string;
  /** Refuses a hostname that cannot be served, before anything is made. Throws a DevenvError. */
  checkHostname(hostname: string): void;
  /**
   * Begins a run: takes the lock and reads what will be needed, which may take a while. `preview` is the desired state
   * now; the run is given the final one later. A failure that can be explained is reported by the run.
   */
  begin(preview: DesiredState, options: BeginOptions): Promise<EdgeRun>;
  /** Resolves when the link answers as that student's, or with what is known when `signal` aborts. */
  confirm(route: Route, signal: AbortSignal): Promise<Confirmation>;
  /** The same for a link that was confirmed. Cheap: asks only the environment behind the link, no service outside. */
  recheck(route: Route, signal: AbortSignal): Promise<Confirmation>;
  /** Why no link can be reached at all; null if there is no such reason, or it is not known. */
  problem(): Problem | null;
  /**
   * Where the student's relay answers on the engine's network; null while the environment does not run. Only an edge on
   * this host has this method. It forwards there where it can, else to the route's origin.
   */
  setRelayAddress?(owner: string, address: { host: string; port: number } | null): void;
  /** What `devenv doctor` checks on this edge. */
  diagnose(): Promise<Diagnostic[]>;
  /** Closes this process's sockets and timers. Published routes stay. */
  stop(): Promise<void>;
}
