/**
 * What makes routes real. An edge knows no student's environment and no session: it is given hostnames and the
 * origins they lead to, and makes the world agree. `routes/` calls it under the one lock: never two calls of
 * `publish` or `reconcile` at a time.
 */
import type { Problem } from '../errors.ts';

/** "This hostname leads to this origin." */
export interface Route {
  student: string;
  hostname: string;
  /** The relay as the host reaches it, e.g. `http://127.0.0.1:3001`. */
  origin: string;
}

/** A student as the edge needs to know them, from `create` to `rm`. */
export interface Holder {
  student: string;
  hostname: string;
}

/** All that should be so at the edge at one moment: whole state, so that nothing needs to be replayed. */
export interface WantedEdge {
  routes: readonly Route[];
  holders: readonly Holder[];
}

/** What became of one student's part of a publication. Nobody named means: nothing differed, or all done. */
export type Outcome =
  | { student: string; result: 'done' }
  /** May work later: it is tried again while it is wanted. `afterMs` where the edge said how long to wait. */
  | { student: string; result: 'later'; problem: Problem; afterMs?: number }
  /** Will not work until a person does something. */
  | { student: string; result: 'refused'; problem: Problem };

export interface Publication {
  /**
   * The wanted state, read at the latest possible moment: an edge calls it right before its first write, since
   * whoever comes until then is taken in, and whoever comes later is in the next publication.
   */
  take(): WantedEdge;
  /** Aborted when the daemon stops: end the running call, write nothing more. */
  signal: AbortSignal;
}

/** One thing that differs between the wanted and the actual, as a person reads it in `devenv sync`. */
export interface Difference {
  hostname: string;
  student: string | null;
  /** What is there and should not be so, e.g. `rule without record`. */
  found: string;
  /** What a reconcile does about it; null where it only reports. */
  action: string | null;
}

/** What is known about a link being reachable from outside. */
export type Confirmation =
  | { live: true }
  /** `known` says how far it got, `problem.next` what to check. */
  | { live: false; problem: Problem };

export interface Edge {
  readonly kind: 'local' | 'cloudflare';
  /** Ready to publish. Throws a DevenvError where settings, token or address are wrong. */
  start(): Promise<void>;
  /** The link for a hostname, as a person opens it. */
  url(hostname: string): string;
  /** Refuses a student whose hostname cannot be served, before anything is made. Throws a DevenvError. */
  admit(holder: Holder): Promise<void>;
  /** Makes the edge as wanted; an outcome for each student for whom something was changed or failed. */
  publish(publication: Publication): Promise<readonly Outcome[]>;
  /** Compares wanted and actual; with `mend` makes them agree, under the same rules as `publish`. */
  reconcile(publication: Publication, mend: boolean): Promise<readonly Difference[]>;
  /** Resolves when the link answers as that student's, or with what is known when `signal` aborts. */
  confirm(route: Route, signal: AbortSignal): Promise<Confirmation>;
  /** Lets go of everything of this process (sockets, timers). What is published stays. */
  stop(): Promise<void>;
}
