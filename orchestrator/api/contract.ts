/**
 * What the daemon's API says, and what `--json` prints: one contract. Fields are added, never renamed or removed.
 */

import type { LinkPhase, LinkReason } from '../domain.ts';
import type { Problem } from '../errors.ts';
import type { Service, Session } from '../protocol/messages.ts';

export interface DaemonView {
  version: string;
  pid: number;
  instance: string;
  stateDir: string;
  edge: 'local' | 'cloudflare';
  listen: string | null;
  startedAt: string;
  students: number;
}

export interface StudentView {
  name: string;
  hostname: string;
  url: string;
  port: number;
  createdAt: string;
  environment: { state: 'running' | 'stopped' | 'missing' };
  agent: {
    state: 'connected' | 'silent' | 'away';
    lastReportSecondsAgo: number | null;
  };
  route: {
    phase: LinkPhase;
    live: boolean;
    reason: LinkReason;
    since: string;
    problem: Problem | null;
  };
  sessions: Session[];
  service: Service | null;
  /** Further servers with a link of their own (setting `links`). */
  links: { port: number; url: string; live: boolean }[];
  /** Ports that also listen, besides the service's. */
  otherPorts: number[];
}

/** A long operation, told as it goes: one JSON object a line. The last line is `done` or `failed`. */
export type ProgressEvent =
  /** A step begins; a step with the same `id` again replaces its text. */
  | { event: 'step'; id: string; text: string }
  | { event: 'step-done'; id: string; text: string }
  | { event: 'warning'; text: string }
  | { event: 'done'; result: OperationResult }
  | { event: 'failed'; problem: Problem };

/** Request header that names an operation, so that whoever began it can cancel it and still hear how it ended. */
export const OPERATION_HEADER = 'x-devenv-operation';

export type OperationResult = { student: StudentView | null };
