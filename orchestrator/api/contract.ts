/** Types that only the API and its client share. docs/cli-json.md documents what of them `--json` prints. */

import type { StudentImage } from '../domain.ts';
import type { Problem } from '../errors.ts';
import type { StudentView } from '../student-view.ts';

/** The running orchestrator. */
export interface DaemonView {
  version: string;
  pid: number;
  instance: string;
  stateDir: string;
  edge: 'local' | 'cloudflare';
  /** The local edge's address; null with another edge. */
  listen: string | null;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** How many students exist. */
  students: number;
  /** Why changes are only in memory, or why no link answers; null if all is well. */
  problem: Problem | null;
}

/** One line of an operation's response, as JSON. The last line is `done` or `failed`. */
export type ProgressEvent =
  /** A step starts. Another event with the same `id` replaces its text. */
  | { kind: 'step'; id: string; text: string }
  | { kind: 'step-done'; id: string; text: string }
  | { kind: 'warning'; text: string }
  | { kind: 'done'; result: OperationResult }
  | { kind: 'failed'; problem: Problem };

/** Request header with the operation's id. The client cancels the operation by that id and still receives its result. */
export const OPERATION_HEADER = 'x-devenv-operation';

/** What an operation resolves to: the student, null after a removal; or the image that `update` has built. */
export interface OperationResult {
  student: StudentView | null;
  image?: StudentImage;
}
