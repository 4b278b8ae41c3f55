/** What the relay is told of its environment. */
import type { RelayIdentity, RoutePhase, Service } from '../../../orchestrator/agents/protocol.ts';

/** A link for one port, beside the student's own. */
export interface FurtherLink {
  hostname: string;
  url: string;
  /** Null while nothing listens on that port. */
  service: Service | null;
}

export interface RelayOptions {
  port: number;
  /** All interfaces by default: the engine reaches it over the bridge. */
  host?: string;
  maxConnections?: number;
  /** Where to forward now; null while nothing listens. */
  service(): Service | null;
  /** Where a further link of the student's leads; undefined for a hostname that is none. */
  furtherLink?(hostname: string): FurtherLink | undefined;
  /** False from when the link is no longer wanted: visitors get no further, whatever the edge still sends here. */
  isWanted?(): boolean;
  identity(): RelayIdentity;
  public(): { hostname: string; url: string; student: string; phase: RoutePhase; starting: boolean };
}
