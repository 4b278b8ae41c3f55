/**
 * What daemon and edge process say to each other, as JSON lines over a unix socket. Routes are whole snapshots, so that a
 * restart of either side needs no replay.
 */
import type { ServedRoute } from './route-server.ts';

/** Longest line. A class of 100 with 8 links each has routes of 100 KB. */
export const MAX_CONTROL_LINE_BYTES = 4 * 2 ** 20;

/** How an edge process is started: its only argument, as JSON. */
export interface EdgeConfig {
  /** The unix socket for the daemon. Also identifies the process: its command line contains this path. */
  socketPath: string;
  /** Address for visitors; port 0 stands for any free one. */
  host: string;
  port: number;
  /** Identifies the code; a daemon replaces an edge of another build. */
  build: string;
  /** The uid and gid to switch to; null to keep the user. */
  user: number | null;
  /** Most connections of visitors in total. */
  maxConnections: number;
  /** How long it serves without a daemon, in ms. */
  aloneMs: number;
}

/** The edge's line on file descriptor 3 when it has started, or could not. */
export type EdgeAnnouncement = { kind: 'ready' } | { kind: 'failed'; code: string; message: string };

export type EdgeRequest =
  | { kind: 'set-routes'; routes: readonly ServedRoute[] }
  | { kind: 'status' }
  /** Ends the process and every connection. */
  | { kind: 'stop' };

export type NumberedRequest = EdgeRequest & { id: number };
