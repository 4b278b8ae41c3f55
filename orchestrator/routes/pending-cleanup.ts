/** Students who have gone, from then until the edge has let go of all that is theirs: what keeps it is told in the log. */
import type { Route, RouteId, RouteReference, RunReport } from '../edges/edge.ts';
import { isSameProblem, type Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { keyOf } from './route-state.ts';

export interface PendingRemoval extends RouteReference {
  /** Why something of it may still be at the edge. */
  problem: Problem;
  isTold: boolean;
}

/** No run has got to them yet, as where the orchestrator itself starts or ends. */
const untried: Problem = {
  code: 'edge',
  what: 'The edge has not been asked yet.',
  next: 'That comes next, by itself.',
};

export class PendingCleanup {
  readonly #log: Log;
  /** By `keyOf`. */
  readonly #all = new Map<string, PendingRemoval>();

  constructor(log: Log) {
    this.#log = log;
  }

  add({ id, owner, hostname }: Route): void {
    this.#all.set(id, { id, owner, hostname, problem: untried, isTold: false });
  }

  /** The route is registered again: what is at the edge is its own. */
  cancel(id: RouteId): void {
    this.#all.delete(id);
  }

  /** All that are to be removed now. */
  now(): PendingRemoval[] {
    return [...this.#all.values()];
  }

  /** Why something of that route may still be at the edge; null where nothing is. */
  problem(id: RouteId): Problem | null {
    return this.#all.get(id)?.problem ?? null;
  }

  /** Applies the outcome of a run whose snapshot had the removals in `included`. */
  settle(
    included: Iterable<PendingRemoval>,
    { outcomes, problem: whole }: RunReport,
    isRegistered: (id: RouteId) => boolean,
  ): void {
    const failed = new Map(
      outcomes
        .filter(({ id }) => id === null || !isRegistered(id))
        .flatMap((outcome) => (outcome.kind === 'applied' ? [] : [[keyOf(outcome), outcome]])),
    );
    for (const removal of included) {
      const key = keyOf(removal);
      // Where the owner tag is gone the edge knows the rest by its hostname only.
      const problem = (failed.get(key) ?? failed.get(removal.hostname))?.problem ?? whole;
      failed.delete(key);
      failed.delete(removal.hostname);
      // Registered again meanwhile, and perhaps removed again: then it is the next run's.
      if (this.#all.get(key) !== removal) continue;
      if (problem === null) this.#end(removal);
      else this.#tell(removal, problem);
    }
    // Of routes that were removed before this process started.
    for (const [key, { id, owner, hostname, problem }] of failed) {
      if (this.#all.has(key)) continue;
      const removal = { id, owner, hostname, problem, isTold: false };
      this.#all.set(key, removal);
      this.#tell(removal, problem);
    }
  }

  #end(removal: PendingRemoval): void {
    this.#all.delete(keyOf(removal));
    if (removal.isTold)
      this.#log.info(
        { student: studentOf(removal) },
        'nothing is left any more at the edge of a name that nobody uses',
      );
  }

  /** A retry that ends as the one before is no news. */
  #tell(removal: PendingRemoval, problem: Problem): void {
    const isNews = !removal.isTold || !isSameProblem(removal.problem, problem);
    removal.problem = problem;
    removal.isTold = true;
    if (!isNews) return;
    this.#log.warn(
      { student: studentOf(removal), problem },
      `something may be left at the edge of a name that nobody uses: ${problem.what}`,
    );
  }
}

/** For the log: the student, as far as anything names one. */
const studentOf = ({ owner, id, hostname }: RouteReference): string => owner ?? id ?? hostname;
