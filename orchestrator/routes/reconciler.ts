/**
 * Makes the edge agree with the desired routes. Invariants:
 * - never two runs of the edge at a time;
 * - a run includes every change until its snapshot, which is taken when the batch window has closed and the edge is
 *   ready to write;
 * - a later change is in the next run: no route waits for more than the run in flight;
 * - a route that fails is retried while it is desired, and delays no other route.
 */
import { setImmediate } from 'node:timers/promises';
import { backoff } from '../backoff.ts';
import type { Drift, LinkPhase } from '../domain.ts';
import type {
  BeginOptions,
  DesiredState,
  Edge,
  EdgeRun,
  Outcome,
  Route,
  RouteId,
  RunReport,
} from '../edges/edge.ts';
import { DevenvError, isSameProblem, type Problem, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { Mutex } from '../mutex.ts';
import { startTimer } from '../timer.ts';
import { BatchWindow } from './batch-window.ts';
import { DriftLog, withFailures } from './drift-log.ts';
import { PendingCleanup, type PendingRemoval } from './pending-cleanup.ts';
import {
  applyOutcome,
  type DesiredRoute,
  newRouteState,
  phaseOf,
  type RouteState,
  snapshotOf,
} from './route-state.ts';

/** How often wanted and actual are compared though nothing happened, in ms. */
const RECONCILE_EVERY = 5 * 60_000;

/** How long after a failure it is tried again to take away what is left of students who are gone, in ms. */
const SWEEP_AFTER = 10_000;

export interface ReconcilerOptions {
  edge: Edge;
  log: Log;
  /** A route's phase or problem may have changed. */
  onChange(id: RouteId): void;
}

/** What one run is to apply, and the routes that its outcome is for. */
interface Snapshot {
  desired: DesiredState;
  included: ReadonlyMap<RouteState, DesiredRoute>;
  removals: readonly PendingRemoval[];
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #entries = new Map<RouteId, RouteState>();
  readonly #company = new BatchWindow();
  readonly #differences: DriftLog;
  readonly #leavers: PendingCleanup;
  readonly #stopping = new AbortController();
  readonly #turns = new Mutex();
  #hasStarted = false;
  /** Somebody has changed something that no publication has taken in yet. */
  #isDue = false;
  #timer: NodeJS.Timeout | null = null;
  /** One for all who failed: the next publication is everybody's. */
  #retry: NodeJS.Timeout | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#differences = new DriftLog(options.log);
    this.#leavers = new PendingCleanup(options.log);
  }

  start(): void {
    this.#hasStarted = true;
    this.#options.edge.onRunDue(() => this.#schedule());
    this.#timer = setInterval(() => void this.#reconcileByItself(), RECONCILE_EVERY).unref();
    this.#isDue = true;
    this.#enqueue();
  }

  /** The student's route exists from now on; whether the edge has it already is not known. */
  register(route: Route): void {
    this.#leavers.cancel(route.id);
    this.#entries.set(route.id, newRouteState(route));
    this.#schedule();
  }

  setDesired(id: RouteId, wanted: boolean): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.desired === wanted) return;
    entry.desired = wanted;
    entry.problem = null;
    entry.attempts = 0;
    this.#schedule();
  }

  /** The instructor wants it now: what was refused is tried once more. */
  retryNow(id: RouteId, adopt: boolean): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.adopt = adopt;
    entry.attempts = 0;
    if (adopt || entry.problem !== null) this.#schedule();
  }

  phase(id: RouteId): { phase: LinkPhase; problem: Problem | null } {
    const entry = this.#entries.get(id);
    return entry === undefined ? { phase: 'closed', problem: null } : phaseOf(entry);
  }

  /** Whose link is not at the edge as it is wanted, or may not be. */
  changing(): RouteId[] {
    const ids: RouteId[] = [];
    for (const [id, entry] of this.#entries) {
      const { phase } = phaseOf(entry);
      if (phase === 'opening' || phase === 'closing') ids.push(id);
    }
    return ids;
  }

  /** The student goes: resolves when one run has tried to take away what leads to them; to why something is left, or null. */
  async unregister(id: RouteId): Promise<Problem | null> {
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      this.#entries.delete(id);
      this.#leavers.add(entry.route);
      this.#schedule();
      await this.#turns.idle;
    }
    return this.#leavers.problem(id);
  }

  #schedule(): void {
    this.#company.touch();
    if (this.#isDue) return;
    this.#isDue = true;
    // Before all students are taken up, whoever is missing would look as if they were gone.
    if (this.#hasStarted) this.#enqueue();
  }

  #enqueue(): void {
    void this.#turns.run(async () => {
      // Taken in already by the publication before.
      if (!this.#isDue) return;
      if (!this.#stopping.signal.aborted) await this.#publish();
    });
  }

  #desiredState(): DesiredState {
    const entries = [...this.#entries.values()];
    const registered = entries.map(({ route, adopt }) => ({ ...route, adopt }));
    const routes = entries.filter((entry) => entry.desired).map((entry) => entry.route);
    return { routes, registered };
  }

  /** What a run is to apply, taken right before it writes. A later change is left to the next run. */
  #takeSnapshot(): Snapshot {
    this.#isDue = false;
    const desired = this.#desiredState();
    const included = new Map([...this.#entries.values()].map((entry) => [entry, snapshotOf(entry)]));
    return { desired, included, removals: this.#leavers.now() };
  }

  /** Begins a run of the edge; resolves when it may write: changes of the same moment have been collected by then. */
  async #begin(mode: BeginOptions['mode']): Promise<EdgeRun> {
    const { edge } = this.#options;
    const { signal } = this.#stopping;
    const isCollected = edge.hasCostlyWrites ? this.#company.closed(signal) : null;
    const [run] = await Promise.all([edge.begin(this.#desiredState(), { mode, signal }), isCollected]);
    return run;
  }

  async #publish(): Promise<void> {
    let snapshot: Snapshot | null = null;
    let report: RunReport;
    try {
      const run = await this.#begin('publish');
      snapshot = this.#takeSnapshot();
      report = await run.apply(snapshot.desired);
    } catch (error) {
      this.#options.log.error({ err: error }, 'a publication failed');
      snapshot ??= this.#takeSnapshot();
      const problem = problemOf(error);
      const outcomes = [...snapshot.included.keys()].map(
        ({ route: { id, owner, hostname } }) => ({ id, owner, hostname, kind: 'retry', problem }) as const,
      );
      report = { drift: [], outcomes, problem };
    }
    const { drift, outcomes } = report;
    // Most runs read only a part: what differed before may still differ.
    if (drift.length > 0) this.#differences.tell(withFailures(drift, outcomes));
    await this.#settleAll(snapshot, report);
  }

  async #settleAll({ included, removals }: Snapshot, report: RunReport): Promise<void> {
    const { outcomes } = report;
    this.#leavers.settle(removals, report, (id) => this.#entries.has(id));
    const byRoute = new Map<RouteId | null, Outcome>(outcomes.map((outcome) => [outcome.id, outcome]));
    const [first, ...others] = [...included].map(([entry, wish]) => () => {
      const { id } = entry.route;
      // Gone meanwhile, and perhaps made anew: then it is the next publication's.
      if (this.#entries.get(id) === entry) this.#settle(entry, wish, byRoute.get(id));
    });
    first?.();
    // What the first one's link sets going serves all: it is sent before two hundred others are told.
    await setImmediate();
    for (const settle of others) settle();
    const waits = outcomes.flatMap((outcome) => {
      if (outcome.kind !== 'retry') return [];
      // What is left of somebody who is gone is taken away later, whatever else happens.
      const attempts = (outcome.id === null ? undefined : this.#entries.get(outcome.id))?.attempts;
      return [outcome.afterMs ?? (attempts === undefined ? SWEEP_AFTER : backoff(attempts))];
    });
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = waits.length === 0 ? null : startTimer(() => this.#schedule(), Math.min(...waits));
  }

  #settle(entry: RouteState, wish: DesiredRoute, outcome: Outcome | undefined): void {
    const { id } = entry.route;
    const before = phaseOf(entry);
    applyOutcome(entry, wish, outcome);
    const { phase, problem } = phaseOf(entry);
    const isTold = isSameProblem(before.problem, problem);
    if (problem !== null && !isTold)
      this.#options.log.warn({ student: entry.route.owner, problem }, `link ${phase}: ${problem.what}`);
    if (JSON.stringify({ phase, problem }) !== JSON.stringify(before)) this.#options.onChange(id);
  }

  /**
   * Compares desired and actual state, and with `repair` makes them agree; waits for the run in flight. Throws where
   * the edge can't be read.
   */
  reconcile(repair: boolean): Promise<readonly Drift[]> {
    return this.#turns.run(() => (repair ? this.#repair() : this.#dryRun()));
  }

  async #repair(): Promise<readonly Drift[]> {
    const run = await this.#begin('reconcile');
    const snapshot = this.#takeSnapshot();
    const report = await run.apply(snapshot.desired).catch((error: unknown) => {
      // What the snapshot included is still to be applied.
      this.#schedule();
      throw error;
    });
    const { drift, outcomes, problem } = report;
    await this.#settleAll(snapshot, report);
    if (problem !== null) throw new DevenvError(problem);
    const found = withFailures(drift, outcomes);
    this.#differences.tell(found);
    return found;
  }

  /** Leaves due what is due, and changes nothing. */
  async #dryRun(): Promise<readonly Drift[]> {
    const { edge } = this.#options;
    const run = await edge.begin(this.#desiredState(), { mode: 'reconcile', signal: this.#stopping.signal });
    return withFailures(await run.diff(this.#desiredState()), []);
  }

  async #reconcileByItself(): Promise<void> {
    try {
      await this.reconcile(true);
    } catch (error) {
      this.#options.log.error({ err: error }, 'a reconcile failed');
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#turns.idle;
  }
}
