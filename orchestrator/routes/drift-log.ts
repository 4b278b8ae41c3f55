/** What the log says of differences at the edge: what was mended, each time; what was not, once while it stays so. */
import type { Drift } from '../domain.ts';
import type { DetectedDrift, Outcome } from '../edges/edge.ts';
import type { Log } from '../log.ts';
import { keyOf, problemsOf } from './route-state.ts';

/** What was found, with what became of it. */
export function withFailures(findings: readonly DetectedDrift[], outcomes: readonly Outcome[]): Drift[] {
  const failed = problemsOf(outcomes);
  return findings.map((finding) => ({
    hostname: finding.hostname,
    student: finding.owner ?? finding.id,
    found: finding.found,
    action: finding.action,
    // What is only reported was not tried.
    failed: finding.action === null ? null : (failed.get(keyOf(finding)) ?? null),
  }));
}

function words({ hostname, found, action, failed }: Drift): string {
  if (action === null) return `the edge differs, not touched: ${hostname}, ${found}`;
  if (failed !== null)
    return `the edge differs, not mended: ${hostname}, ${found}, ${action}: ${failed.what}`;
  return `the edge differed, mended: ${hostname}, ${found}, ${action}`;
}

export class DriftLog {
  readonly #log: Log;
  /** What still differs, as it was said. */
  #standing: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Tells all that differed at one moment. */
  tell(differences: readonly Drift[]): void {
    const standing = new Set<string>();
    for (const difference of differences) {
      const { student, action, failed } = difference;
      const text = words(difference);
      if (action === null || failed !== null) standing.add(text);
      if (!this.#standing.has(text)) this.#log.warn(student === null ? {} : { student }, text);
    }
    this.#standing = standing;
  }
}
