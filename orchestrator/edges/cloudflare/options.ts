/** What the cloudflare edge is made with. */
import type { Log } from '../../log.ts';
import type { JournalStore } from './apply/journal.ts';
import type { TunnelLock } from './apply/tunnel-lock.ts';
import type { FactStore } from './zone.ts';

export interface CloudflareEdgeOptions {
  instance: string;
  token: string;
  accountId: string;
  tunnelId: string;
  zoneId: string;
  baseUrl: string;
  /** Template of the hostnames; null for one level below the zone. */
  hostname: string | null;
  allowDeep: boolean;
  dns: 'student' | 'session';
  /** How long a session's record outlives its use, in ms. */
  graceMs: number;
  /** Calls in 5 minutes. */
  budget: number;
  /** `host:port` of cloudflared's metrics, null for none. */
  metrics: string | null;
  store: JournalStore & FactStore;
  log: Log;
  /** A call that has not been answered by then is given up, in ms. */
  callTimeoutMs: number;
  /** For tests: another way to Cloudflare, and a lock that goes with a simulated process. */
  fetch?: typeof fetch;
  lock?: TunnelLock;
}
