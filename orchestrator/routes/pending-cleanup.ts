/** Routes that were unregistered, until the edge has nothing of them any more. Logs what keeps the edge from it. */
import type { Route, RouteId, RouteReference, RunReport } from '../edges/edge.ts';
import { isSameProblem, type Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { keyOf } from './route-state.ts';

export interface PendingRemoval extends RouteReference {
  /** Why the edge may still have something of it. */
  problem: Problem;
  isLogged: boolean;
}

/** The problem before the first run, e.g. while the orchestrator starts or stops. */
const notTriedYet: Problem = {
  code: 'edge',
  what: 'The edge has not been asked to remove it yet.',
  next: 'devenv does that automatically.',
};

export class PendingCleanup {
  readonly #log: Log;
  /** By `keyOf`. */
  readonly #removals = new Map<string, PendingRemoval>();

  constructor(log: Log) {
    this.#log = log;
  }

  add({ id, owner, hostname }: Route): void {
    this.#removals.set(id, { id, owner, hostname, problem: notTriedYet, isLogged: false });
  }

  /** The route is registered again: what the edge has is the route's own. */
  cancel(id: RouteId): void {
    this.#removals.delete(id);
  }

  all(): PendingRemoval[] {
    return [...this.#removals.values()];
  }

  /** Why the edge may still have something of that route; null if it has nothing. */
  problem(id: RouteId): Problem | null {
    return this.#removals.get(id)?.problem ?? null;
  }

  /** Applies the report of a run whose snapshot had the removals in `included`. */
  applyReport(
    included: Iterable<PendingRemoval>,
    { outcomes, problem: runProblem }: RunReport,
    isRegistered: (id: RouteId) => boolean,
  ): void {
    const failed = new Map(
      outcomes
        .filter(({ id }) => id === null || !isRegistered(id))
        .flatMap((outcome) => (outcome.kind === 'applied' ? [] : [[keyOf(outcome), outcome]])),
    );
    for (const removal of included) {
      const key = keyOf(removal);
      // Without an owner tag the edge knows the rest by its hostname only.
      const problem = (failed.get(key) ?? failed.get(removal.hostname))?.problem ?? runProblem;
      failed.delete(key);
      failed.delete(removal.hostname);
      // Registered again during the run, and perhaps unregistered again: left to the next run.
      if (this.#removals.get(key) !== removal) continue;
      if (problem === null) this.#finish(removal);
      else this.#fail(removal, problem);
    }
    // Routes that were unregistered before this process started.
    for (const [key, { id, owner, hostname, problem }] of failed) {
      if (this.#removals.has(key)) continue;
      const removal = { id, owner, hostname, problem, isLogged: false };
      this.#removals.set(key, removal);
      this.#fail(removal, problem);
    }
  }

  #finish(removal: PendingRemoval): void {
    this.#removals.delete(keyOf(removal));
    if (removal.isLogged)
      this.#log.info({ student: studentOf(removal) }, 'the edge has nothing of the removed link any more');
  }

  /** Logs a problem once: a retry that fails the same way is not logged. */
  #fail(removal: PendingRemoval, problem: Problem): void {
    const isLogged = removal.isLogged && isSameProblem(removal.problem, problem);
    removal.problem = problem;
    removal.isLogged = true;
    if (isLogged) return;
    const text = `the edge may still have a rule or DNS record of a removed link: ${problem.what}`;
    this.#log.warn({ student: studentOf(removal), problem }, text);
  }
}

/** For the log: the student, as far as it is known. */
const studentOf = ({ owner, id, hostname }: RouteReference): string => owner ?? id ?? hostname;
