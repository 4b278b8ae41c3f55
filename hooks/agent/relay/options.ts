/** What the relay needs to know about its environment. */
import type { Socket } from 'node:net';
import type { LinkPhase } from '../../../orchestrator/domain.ts';
import type { Service } from '../../../orchestrator/protocol/messages.ts';
import type { LinkContext, VisitorHeaders } from './rewrite.ts';

/** One of the student's links: their own, or an additional one for a single port. */
export interface Link {
  hostname: string;
  url: string;
  /** The service to which it forwards; null while nothing listens. */
  service: Service | null;
  /** If false, visitors get no further than the relay, even if the edge still forwards them. */
  isOpen: boolean;
}

/** Simultaneous connections. */
export interface ConnectionLimits {
  visitors: number;
  /** Connections above `visitors`. They learn only the link's identity, or that it is busy, and end at once. */
  surplus: number;
}

export interface RelayOptions {
  port: number;
  /** Address to listen on; by default all interfaces: the engine reaches the relay over the bridge. */
  host?: string;
  limits?: ConnectionLimits;
  /** Hash of the key with which the edge proves itself; empty if there is none, so that only the inside is served. */
  keyHash: string;
  /** Whether a connection comes from inside the environment; by default, from its own addresses. */
  isInside?(socket: Socket): boolean;
  /** The student's own link. */
  ownLink(): Link;
  /** Additional links. Closed ones are included: the edge may still forward their visitors for a while. */
  additionalLinks?(): Link[];
  /** Whether another program may have taken the service's port since it was selected: it may be a debugger. */
  hasChanged?(service: Service): boolean;
  /** Selects the services again; resolves when it is known what listens on the port. */
  reselect?(port: number): Promise<void>;
  /** The environment's PORT, and whether nothing listens on a port. */
  ports?: LinkContext['ports'];
  /** Which of the edge's headers about the visitor a service gets. */
  visitorHeaders?(service: Service): VisitorHeaders;
  /** Whose environment it is. */
  identity(): { instance: string; student: string };
  /** What the waiting page says about the environment. */
  status(): { phase: LinkPhase; isStarting: boolean };
}
