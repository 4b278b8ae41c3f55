/** Students who have gone, from then until the edge has let go of all that is theirs: what keeps it is told in the log. */
import type { Route, RunReport } from '../edges/edge.ts';
import { isSameProblem, type Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { problemsOf } from './route-state.ts';

export interface PendingRemoval {
  student: string;
  /** Null where nothing is known of them but the name. */
  hostname: string | null;
  /** Why something of theirs may still stand. */
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
  readonly #all = new Map<string, PendingRemoval>();

  constructor(log: Log) {
    this.#log = log;
  }

  add({ student, hostname }: Route): void {
    this.#all.set(student, { student, hostname, problem: untried, isTold: false });
  }

  /** They are there again: what stands is theirs. */
  cancel(student: string): void {
    this.#all.delete(student);
  }

  /** Those who are leaving now. */
  now(): PendingRemoval[] {
    return [...this.#all.values()];
  }

  /** Why something of that student may still stand; null where nothing does. */
  problem(student: string): Problem | null {
    return this.#all.get(student)?.problem ?? null;
  }

  /** Takes in what became of a run that knew of the leavers in `taken`. */
  settle(
    taken: Iterable<PendingRemoval>,
    { outcomes, problem: whole }: RunReport,
    isHeld: (student: string) => boolean,
  ): void {
    const failed = problemsOf(outcomes.filter(({ student }) => !isHeld(student)));
    for (const leaver of taken) {
      const { student, hostname } = leaver;
      // An edge that finds no mark any more calls what is left by its hostname.
      const problem = failed.get(student) ?? failed.get(hostname ?? '') ?? whole;
      failed.delete(student);
      failed.delete(hostname ?? '');
      // Back meanwhile, and perhaps gone again: then it is the next run's.
      if (this.#all.get(student) !== leaver) continue;
      if (problem === null) this.#end(leaver);
      else this.#tell(leaver, problem);
    }
    // Gone before this process began.
    for (const [student, problem] of failed) {
      if (this.#all.has(student)) continue;
      const leaver = { student, hostname: null, problem, isTold: false };
      this.#all.set(student, leaver);
      this.#tell(leaver, problem);
    }
  }

  #end({ student, isTold }: PendingRemoval): void {
    this.#all.delete(student);
    if (isTold)
      this.#log.info({ student }, 'nothing is left any more at the edge of a name that nobody uses');
  }

  /** A retry that ends as the one before is no news. */
  #tell(leaver: PendingRemoval, problem: Problem): void {
    const isNews = !leaver.isTold || !isSameProblem(leaver.problem, problem);
    leaver.problem = problem;
    leaver.isTold = true;
    if (!isNews) return;
    const { student } = leaver;
    this.#log.warn(
      { student, problem },
      `something may be left at the edge of a name that nobody uses: ${problem.what}`,
    );
  }
}
