/**
 * Makes the edge agree with the desired routes. Invariants:
 * - never two runs of the edge at a time;
 * - a run includes every change until its snapshot, which is taken when the batch window has closed and the edge is
 *   ready to write;
 * - a later change is in the next run: no route waits for more than the run in flight;
 * - a route that fails is retried while it is desired, and delays no other route.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Drift, LinkPhase } from '../domain.ts';
import type { BeginOptions, Edge, EdgeRun, Outcome, Route, RouteId, RunReport } from '../edges/edge.ts';
import { DevenvError, type Problem, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { Mutex } from '../mutex.ts';
import { BatchWindow } from './batch-window.ts';
import { DriftLog, withFailures } from './drift-log.ts';
import { PendingCleanup } from './pending-cleanup.ts';
import { isChanging, newRouteState, phaseOf, type RouteState, retryDelayMs } from './route-state.ts';
import { desiredStateOf, Snapshot } from './snapshot.ts';

/** How often drift is repaired although no event has occurred. */
const RECONCILE_INTERVAL_MS = 5 * 60_000;

export interface ReconcilerOptions {
  edge: Edge;
  clock: Clock;
  log: Log;
  /** A route's phase or problem may have changed. */
  onChange(id: RouteId): void;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #states = new Map<RouteId, RouteState>();
  readonly #batchWindow: BatchWindow;
  readonly #driftLog: DriftLog;
  readonly #cleanup: PendingCleanup;
  readonly #stopping = new AbortController();
  readonly #mutex = new Mutex();
  #hasStarted = false;
  /** A change is in no snapshot yet. */
  #isDue = false;
  #reconcileTimer: Timer | null = null;
  /** One timer for all failures: the next run includes every route. */
  #retryTimer: Timer | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#batchWindow = new BatchWindow(options.clock);
    this.#driftLog = new DriftLog(options.log);
    this.#cleanup = new PendingCleanup(options.log);
  }

  /** Begins to publish. All existing routes are registered before, or the first run would remove the others. */
  start(): void {
    this.#hasStarted = true;
    this.#options.edge.onRunDue(() => this.#schedule());
    this.#reconcilePeriodically();
    this.#isDue = true;
    this.#enqueueRun();
  }

  #reconcilePeriodically(): void {
    const { clock, log } = this.#options;
    this.#reconcileTimer = clock.setTimer(() => {
      this.#reconcilePeriodically();
      this.reconcile(true).catch((err: unknown) => log.error({ err }, 'reconcile failed'));
    }, RECONCILE_INTERVAL_MS);
  }

  /** Adds a route, not desired yet. Whether the edge already has it is unknown. */
  register(route: Route): void {
    this.#cleanup.cancel(route.id);
    this.#states.set(route.id, newRouteState(route));
    this.#schedule();
  }

  /** Removes a route. Resolves after one run, to why the edge may still have something of it, or to null. */
  async unregister(id: RouteId): Promise<Problem | null> {
    const state = this.#states.get(id);
    if (state !== undefined) {
      this.#states.delete(id);
      this.#cleanup.add(state.route);
      this.#schedule();
      await this.#mutex.idle;
    }
    return this.#cleanup.problem(id);
  }

  setDesired(id: RouteId, desired: boolean): void {
    const state = this.#states.get(id);
    if (state === undefined || state.desired === desired) return;
    state.desired = desired;
    state.problem = null;
    state.attempts = 0;
    this.#schedule();
  }

  /** Retries a route at once, even if it was refused. `adopt`: the next run may take over the hostname. */
  retryNow(id: RouteId, adopt: boolean): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    state.adopt = adopt;
    state.attempts = 0;
    if (adopt || state.problem !== null) this.#schedule();
  }

  phase(id: RouteId): { phase: LinkPhase; problem: Problem | null } {
    const state = this.#states.get(id);
    return state === undefined ? { phase: 'closed', problem: null } : phaseOf(state);
  }

  /** The routes that are opening or closing. */
  changing(): RouteId[] {
    return [...this.#states.values()].filter(isChanging).map(({ route }) => route.id);
  }

  #schedule(): void {
    this.#batchWindow.touch();
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#hasStarted) this.#enqueueRun();
  }

  #enqueueRun(): void {
    void this.#mutex.run(async () => {
      // Not due: the run before has included the change.
      if (this.#isDue && !this.#stopping.signal.aborted) await this.#publish();
    });
  }

  /** What a run is to apply, taken right before it writes. A later change is left to the next run. */
  #takeSnapshot(): Snapshot {
    this.#isDue = false;
    const { log, onChange } = this.#options;
    return new Snapshot({ states: this.#states, cleanup: this.#cleanup, log, onChange });
  }

  /** Begins a run of the edge. Resolves when it may write: changes of the same moment have come by then. */
  async #begin(mode: BeginOptions['mode']): Promise<EdgeRun> {
    const { edge } = this.#options;
    const { signal } = this.#stopping;
    const windowClosed = edge.hasCostlyWrites ? this.#batchWindow.closed(signal) : null;
    const [run] = await Promise.all([
      edge.begin(desiredStateOf(this.#states.values()), { mode, signal }),
      windowClosed,
    ]);
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
      this.#options.log.error({ err: error }, 'publishing failed');
      snapshot ??= this.#takeSnapshot();
      report = snapshot.failedReport(problemOf(error));
    }
    const { drift, outcomes } = report;
    // Most runs read only a part of the edge, so that no drift found does not mean that none remains.
    if (drift.length > 0) this.#driftLog.record(withFailures(drift, outcomes));
    await this.#applyReport(snapshot, report);
  }

  async #applyReport(snapshot: Snapshot, report: RunReport): Promise<void> {
    await snapshot.applyReport(report);
    this.#scheduleRetry(report.outcomes);
  }

  #scheduleRetry(outcomes: readonly Outcome[]): void {
    const delayMs = retryDelayMs(outcomes, this.#states);
    this.#retryTimer?.cancel();
    this.#retryTimer =
      delayMs === null ? null : this.#options.clock.setTimer(() => this.#schedule(), delayMs);
  }

  /** Reports the drift, after the run in flight, and with `repair` repairs it. Throws if the edge can't be read. */
  reconcile(repair: boolean): Promise<readonly Drift[]> {
    return this.#mutex.run(() => (repair ? this.#repair() : this.#dryRun()));
  }

  async #repair(): Promise<readonly Drift[]> {
    const run = await this.#begin('reconcile');
    const snapshot = this.#takeSnapshot();
    const report = await run.apply(snapshot.desired).catch((error: unknown) => {
      // The changes in the snapshot are not applied yet.
      this.#schedule();
      throw error;
    });
    await this.#applyReport(snapshot, report);
    if (report.problem !== null) throw new DevenvError(report.problem);
    const drift = withFailures(report.drift, report.outcomes);
    this.#driftLog.record(drift);
    return drift;
  }

  /** Changes nothing; a change that is due stays due. */
  async #dryRun(): Promise<readonly Drift[]> {
    const { edge } = this.#options;
    const run = await edge.begin(desiredStateOf(this.#states.values()), {
      mode: 'reconcile',
      signal: this.#stopping.signal,
    });
    return withFailures(await run.diff(desiredStateOf(this.#states.values())), []);
  }

  /** Aborts the run in flight and waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#reconcileTimer?.cancel();
    this.#retryTimer?.cancel();
    await this.#mutex.idle;
  }
}
