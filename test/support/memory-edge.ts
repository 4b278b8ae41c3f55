/** An edge in memory, for tests of what leads to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome, Publication, Reconciliation } from '../../orchestrator/edges/edge.ts';
import type { Problem } from '../../orchestrator/errors.ts';

/** Why it fails. */
export const problem = { code: 'edge', what: 'No.', next: 'Wait.' } as const;

/** With a latency and failures on demand. */
export class MemoryEdge {
  readonly open = new Set<string>();
  publications = 0;
  inFlight = 0;
  overlapped = false;
  latencyMs = 5;
  fail: (student: string) => Outcome['result'] = () => 'done';
  /** It could do nothing at all, for anybody. */
  whole: Problem | null = null;
  crash = false;
  /** How long the edge says to wait after a failure, in ms. */
  afterMs: number | null = null;
  /** Whether it says of each failure what stands. */
  knows = false;
  /** Reconciles that were to mend. */
  mends = 0;
  /** The hostnames that a person has told it to take over, at each publication. */
  readonly adopting: string[][] = [];
  /** Called right before the wanted state is taken. */
  beforeTake: () => void = () => {};

  async publish(publication: Publication): Promise<Reconciliation> {
    this.publications += 1;
    this.inFlight += 1;
    if (this.inFlight > 1) this.overlapped = true;
    await Promise.all([sleep(this.latencyMs), publication.company]);
    this.beforeTake();
    const { routes, registered } = publication.take();
    this.adopting.push(registered.filter(({ adopt }) => adopt).map(({ student }) => student));
    await sleep(this.latencyMs);
    this.inFlight -= 1;
    if (this.crash) throw new Error('a defect');
    if (this.whole !== null) return { differences: [], outcomes: [], problem: this.whole };
    const outcomes: Outcome[] = [];
    const wanted = new Set(routes.map((route) => route.student));
    for (const student of new Set([...wanted, ...this.open])) {
      const result = this.fail(student);
      if (result !== 'done')
        outcomes.push({
          student,
          result,
          problem,
          ...(this.afterMs !== null && { afterMs: this.afterMs }),
          ...(this.knows && { isPresent: this.open.has(student) }),
        });
      else if (wanted.has(student)) this.open.add(student);
      else this.open.delete(student);
    }
    return { differences: [], outcomes, problem: null };
  }

  async reconcile(publication: Publication, mend: boolean): Promise<Reconciliation> {
    if (!mend) {
      publication.take();
      return { differences: [], outcomes: [], problem: null };
    }
    this.mends += 1;
    return this.publish(publication);
  }

  /** Told when something is due. */
  due = () => {};
  onRunDue(due: () => void): void {
    this.due = due;
  }
}
