/** What the relay is told of its environment. */

import type { LinkPhase } from '../../../orchestrator/domain.ts';
import type { Service } from '../../../orchestrator/protocol/messages.ts';

/** One of the student's links: their own, or a further one for one port. */
export interface Link {
  hostname: string;
  url: string;
  /** Where it leads; null while nothing listens there. */
  service: Service | null;
  /** False: visitors get no further, whatever the edge still sends here. */
  isWanted: boolean;
}

export interface RelayOptions {
  port: number;
  /** All interfaces by default: the engine reaches it over the bridge. */
  host?: string;
  maxConnections?: number;
  /** Where to forward now; null while nothing listens. */
  service(): Service | null;
  /** False from when the own link is no longer wanted. */
  isWanted?(): boolean;
  /** Links beside the student's own; also those that have closed, since the edge may lead here for a while yet. */
  furtherLinks?(): Link[];
  /** Whose environment it is. */
  identity(): { instance: string; student: string };
  public(): { hostname: string; url: string; student: string; phase: LinkPhase; starting: boolean };
}
