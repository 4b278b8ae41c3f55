/** Logs drift at the edge: a repair each time, what cannot be repaired once for as long as it stays the same. */
import type { Drift } from '../domain.ts';
import type { DetectedDrift, Outcome } from '../edges/edge.ts';
import type { Log } from '../log.ts';
import { keyOf, problemsOf } from './route-state.ts';

/** The drift as people read it, with the reason where its repair failed. */
export function withFailures(detected: readonly DetectedDrift[], outcomes: readonly Outcome[]): Drift[] {
  const failed = problemsOf(outcomes);
  return detected.map((drift) => ({
    hostname: drift.hostname,
    student: drift.owner ?? drift.id,
    found: drift.found,
    action: drift.action,
    // Without an action nothing was tried.
    failed: drift.action === null ? null : (failed.get(keyOf(drift)) ?? null),
  }));
}

function textOf({ hostname, found, action, failed }: Drift): string {
  if (action === null) return `drift, not repaired: ${hostname}, ${found}`;
  if (failed !== null) return `drift, repair failed: ${hostname}, ${found}, ${action}: ${failed.what}`;
  return `drift repaired: ${hostname}, ${found}, ${action}`;
}

export class DriftLog {
  readonly #log: Log;
  /** Texts of the drift that remains. */
  #remaining: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs all drift that one run has found. */
  record(drifts: readonly Drift[]): void {
    const remaining = new Set<string>();
    for (const drift of drifts) {
      const { student, action, failed } = drift;
      const text = textOf(drift);
      if (action === null || failed !== null) remaining.add(text);
      if (!this.#remaining.has(text)) this.#log.warn(student === null ? {} : { student }, text);
    }
    this.#remaining = remaining;
  }
}
