/** The desired state that one run applies, and what the run's report changes for the routes in it. */
import { setImmediate } from 'node:timers/promises';
import type { DesiredState, Outcome, RouteId, RunReport } from '../edges/edge.ts';
import { isSameProblem, type Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PendingCleanup, PendingRemoval } from './pending-cleanup.ts';
import { applyOutcome, type DesiredRoute, phaseOf, type RouteState, snapshotOf } from './route-state.ts';

/** What the edge should have for these routes. */
export function desiredStateOf(states: Iterable<RouteState>): DesiredState {
  const all = [...states];
  return {
    routes: all.filter(({ desired }) => desired).map(({ route }) => route),
    registered: all.map(({ route, adopt }) => ({ ...route, adopt })),
  };
}

export interface SnapshotDeps {
  /** All registered routes. */
  states: ReadonlyMap<RouteId, RouteState>;
  cleanup: PendingCleanup;
  log: Log;
  /** A route's phase or problem has changed. */
  onChange(id: RouteId): void;
}

export class Snapshot {
  readonly desired: DesiredState;
  readonly #deps: SnapshotDeps;
  readonly #included: ReadonlyMap<RouteState, DesiredRoute>;
  readonly #removals: readonly PendingRemoval[];

  /** Takes the snapshot. A route that is not desired may be gone from now on. */
  constructor(deps: SnapshotDeps) {
    const states = [...deps.states.values()];
    this.#deps = deps;
    this.desired = desiredStateOf(states);
    this.#included = new Map(states.map((state) => [state, snapshotOf(state)]));
    this.#removals = deps.cleanup.all();
  }

  /** The report of a run that ended with a defect: every route is retried. */
  failedReport(problem: Problem): RunReport {
    const outcomes = [...this.#included.keys()].map(
      ({ route: { id, owner, hostname } }) => ({ id, owner, hostname, kind: 'retry', problem }) as const,
    );
    return { drift: [], outcomes, problem };
  }

  async applyReport(report: RunReport): Promise<void> {
    const { states, cleanup } = this.#deps;
    cleanup.applyReport(this.#removals, report, (id) => states.has(id));
    const byRoute = new Map<RouteId | null, Outcome>(report.outcomes.map((outcome) => [outcome.id, outcome]));
    const [first, ...others] = [...this.#included].map(([state, desired]) => () => {
      const { id } = state.route;
      // Unregistered during the run, and perhaps registered again: left to the next run.
      if (states.get(id) === state) this.#applyOutcome(state, desired, byRoute.get(id));
    });
    first?.();
    // Calls that the first route's change causes (readiness checks) serve all routes: they are sent before the others.
    await setImmediate();
    for (const apply of others) apply();
  }

  #applyOutcome(state: RouteState, desired: DesiredRoute, outcome: Outcome | undefined): void {
    const { log, onChange } = this.#deps;
    const { id, owner } = state.route;
    const before = phaseOf(state);
    applyOutcome(state, desired, outcome);
    const { phase, problem } = phaseOf(state);
    if (problem !== null && !isSameProblem(before.problem, problem))
      log.warn({ student: owner, problem }, `link ${phase}: ${problem.what}`);
    if (JSON.stringify({ phase, problem }) !== JSON.stringify(before)) onChange(id);
  }
}
