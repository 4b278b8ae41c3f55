/** The view of a student that the API returns and `--json` prints. */
import type { Egress, LinkPhase, LinkReason } from './domain.ts';
import type { Problem } from './errors.ts';
import type { Service, Session } from './protocol/messages.ts';

/** One student as commands and `--json` show them. docs/cli-json.md documents every field. */
export interface StudentView {
  name: string;
  hostname: string;
  /** The link, as a visitor opens it. */
  url: string;
  port: number;
  /** ISO 8601, UTC. */
  createdAt: string;
  environment: {
    state: 'running' | 'stopped' | 'missing';
    /** Why it has no network, or why it could not be started; null if all is well. */
    problem: Problem | null;
    /** Whether its image is older than the student image of today; its next start renews it. */
    outdated: boolean;
  };
  /** How full the home is, as the agent reports it; null while that is not known. */
  home: { usedBytes: number; limitBytes: number } | null;
  /** What the student reaches. */
  egress: Egress;
  agent: {
    state: 'connected' | 'silent' | 'disconnected';
    lastReportSecondsAgo: number | null;
  };
  link: {
    phase: LinkPhase;
    /** Whether a request through the link reached the student's relay. */
    live: boolean;
    reason: LinkReason;
    /** When phase or reason last changed: ISO 8601, UTC. */
    since: string;
    problem: Problem | null;
  };
  sessions: Session[];
  /** The server that the link shows. */
  service: Service | null;
  /** Links of additional servers (setting `links`). */
  additionalLinks: { port: number; url: string; live: boolean }[];
  /** Ports that also listen, besides the service's. */
  otherPorts: number[];
  orchestrator: {
    /** What concerns all students: why changes are only in memory; null if all are saved. */
    problem: Problem | null;
  };
}
