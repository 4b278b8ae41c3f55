/**
 * Makes wanted routes real, under one lock. Invariants:
 * - never two calls of the edge's `publish` or `reconcile` at a time;
 * - a publication waits for company before it writes, and takes in whoever comes until its first write;
 * - whoever comes later is in the next one: nobody waits for more than the run in flight;
 * - one student's failure is that student's: it is tried again while it is wanted, and holds up nobody.
 */
import { setImmediate } from 'node:timers/promises';
import { backoff } from '../backoff.ts';
import type { Drift, LinkPhase } from '../domain.ts';
import type { DesiredState, Edge, Outcome, Publication, Reconciliation, Route } from '../edges/edge.ts';
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
  /** A student's phase or problem may have changed. */
  onChange(student: string): void;
}

/** One run of the edge, and what was taken in by it. */
interface Run {
  publication: Publication;
  taken: ReadonlyMap<RouteState, DesiredRoute>;
  leaving: ReadonlySet<PendingRemoval>;
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #entries = new Map<string, RouteState>();
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
    this.#leavers.cancel(route.student);
    this.#entries.set(route.student, newRouteState(route));
    this.#schedule();
  }

  setDesired(student: string, wanted: boolean): void {
    const entry = this.#entries.get(student);
    if (entry === undefined || entry.desired === wanted) return;
    entry.desired = wanted;
    entry.problem = null;
    entry.attempts = 0;
    this.#schedule();
  }

  /** The instructor wants it now: what was refused is tried once more. */
  retryNow(student: string, adopt: boolean): void {
    const entry = this.#entries.get(student);
    if (entry === undefined) return;
    entry.adopt = adopt;
    entry.attempts = 0;
    if (adopt || entry.problem !== null) this.#schedule();
  }

  phase(student: string): { phase: LinkPhase; problem: Problem | null } {
    const entry = this.#entries.get(student);
    return entry === undefined ? { phase: 'closed', problem: null } : phaseOf(entry);
  }

  /** Whose link is not at the edge as it is wanted, or may not be. */
  changing(): string[] {
    const names: string[] = [];
    for (const [student, entry] of this.#entries) {
      const { phase } = phaseOf(entry);
      if (phase === 'opening' || phase === 'closing') names.push(student);
    }
    return names;
  }

  /** The student goes: resolves when one run has tried to take away what leads to them; to why something is left, or null. */
  async unregister(student: string): Promise<Problem | null> {
    const entry = this.#entries.get(student);
    if (entry !== undefined) {
      this.#entries.delete(student);
      this.#leavers.add(entry.route);
      this.#schedule();
      await this.#turns.idle;
    }
    return this.#leavers.problem(student);
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

  /** A run that only looks (`isLook`) leaves what is due due, and takes nothing away. */
  #open(isLook = false): Run {
    const taken = new Map<RouteState, DesiredRoute>();
    const leaving = new Set<PendingRemoval>();
    const { signal } = this.#stopping;
    const publication: Publication = {
      signal,
      company: this.#company.closed(signal),
      take: () => {
        const entries = [...this.#entries.values()];
        if (!isLook) {
          this.#isDue = false;
          for (const leaver of this.#leavers.now()) leaving.add(leaver);
          for (const entry of entries) taken.set(entry, snapshotOf(entry));
        }
        const registered = entries.map(({ route, adopt }) => ({ ...route, adopt }));
        const routes = entries.filter((entry) => entry.desired).map((entry) => entry.route);
        return { routes, registered } satisfies DesiredState;
      },
    };
    return { publication, taken, leaving };
  }

  async #publish(): Promise<void> {
    const run = this.#open();
    const { publication, taken } = run;
    const result = await this.#options.edge.publish(publication).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'a publication failed');
      if (taken.size === 0) publication.take();
      const problem = problemOf(error);
      const outcomes = [...taken.keys()].map(
        ({ route: { student } }) => ({ student, result: 'later', problem }) as const,
      );
      return { differences: [], outcomes, problem };
    });
    const { differences, outcomes } = result;
    // Most publications look at nothing: what differed before may still.
    if (differences.length > 0) this.#differences.tell(withFailures(differences, outcomes));
    await this.#settleAll(run, result);
  }

  async #settleAll({ taken, leaving }: Run, result: Reconciliation): Promise<void> {
    const { outcomes } = result;
    this.#leavers.settle(leaving, result, (student) => this.#entries.has(student));
    const byStudent = new Map(outcomes.map((outcome) => [outcome.student, outcome]));
    const [first, ...others] = [...taken].map(([entry, wish]) => () => {
      const { student } = entry.route;
      // Gone meanwhile, and perhaps made anew: then it is the next publication's.
      if (this.#entries.get(student) === entry) this.#settle(entry, wish, byStudent.get(student));
    });
    first?.();
    // What the first one's link sets going serves all: it is sent before two hundred others are told.
    await setImmediate();
    for (const settle of others) settle();
    const waits = outcomes.flatMap((outcome) => {
      if (outcome.result !== 'later') return [];
      // What is left of somebody who is gone is taken away later, whatever else happens.
      const attempts = this.#entries.get(outcome.student)?.attempts;
      return [outcome.afterMs ?? (attempts === undefined ? SWEEP_AFTER : backoff(attempts))];
    });
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = waits.length === 0 ? null : startTimer(() => this.#schedule(), Math.min(...waits));
  }

  #settle(entry: RouteState, wish: DesiredRoute, outcome: Outcome | undefined): void {
    const { student } = entry.route;
    const before = phaseOf(entry);
    applyOutcome(entry, wish, outcome);
    const { phase, problem } = phaseOf(entry);
    const isTold = isSameProblem(before.problem, problem);
    if (problem !== null && !isTold)
      this.#options.log.warn({ student, problem }, `link ${phase}: ${problem.what}`);
    if (JSON.stringify({ phase, problem }) !== JSON.stringify(before)) this.#options.onChange(student);
  }

  /**
   * Compares wanted and actual, and with `mend` makes them agree; waits for the publication in flight. Throws where
   * the edge can't be looked at.
   */
  reconcile(mend: boolean): Promise<readonly Drift[]> {
    return this.#turns.run(async () => {
      const run = this.#open(!mend);
      const result = await this.#options.edge.reconcile(run.publication, mend).catch((error: unknown) => {
        // What it had taken in is still to be published.
        if (mend) this.#schedule();
        throw error;
      });
      const { differences, outcomes, problem } = result;
      if (mend) await this.#settleAll(run, result);
      if (problem !== null) throw new DevenvError(problem);
      const judged = withFailures(differences, outcomes);
      if (mend) this.#differences.tell(judged);
      return judged;
    });
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
