/** An edge in memory, for tests of the code that calls one. */
import type { Clock } from '../../orchestrator/clock.ts';
import {
  type BeginOptions,
  type DesiredState,
  type EdgeRun,
  type Outcome,
  type RunReport,
  routeId,
} from '../../orchestrator/edges/edge.ts';
import type { Problem } from '../../orchestrator/errors.ts';

/** Why it fails. */
export const problem = { code: 'edge', what: 'No.', next: 'Wait.' } as const;

/** With a latency and failures on demand. */
export class MemoryEdge {
  readonly #clock: Clock;
  readonly hasCostlyWrites = true;
  readonly sharedOpenings = null;
  readonly open = new Set<string>();
  /** Runs that were applied, each reconcile included. */
  publications = 0;
  inFlight = 0;
  overlapped = false;
  latencyMs = 5;
  fail: (id: string) => Outcome['kind'] = () => 'applied';
  /** The whole run fails, for every route. */
  runProblem: Problem | null = null;
  crash = false;
  /** How long the edge says to wait after a failure, in ms. */
  afterMs: number | null = null;
  /** Whether each failure says if the route is present. */
  knowsPresence = false;
  /** Runs that repaired. */
  repairs = 0;
  /** The students whose hostname the instructor asked to take over, at each run. */
  readonly adopting: string[][] = [];
  /** Called while a run begins: the snapshot is not taken yet. */
  beforeSnapshot: () => void = () => {};
  /** Called when a run has its snapshot. */
  afterSnapshot: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async begin(_preview: DesiredState, { mode }: BeginOptions): Promise<EdgeRun> {
    this.inFlight += 1;
    if (this.inFlight > 1) this.overlapped = true;
    await this.#clock.sleep(this.latencyMs);
    this.beforeSnapshot();
    return {
      apply: async (snapshot) => {
        this.publications += 1;
        if (mode === 'reconcile') this.repairs += 1;
        this.afterSnapshot();
        await this.#clock.sleep(this.latencyMs);
        this.inFlight -= 1;
        return this.#apply(snapshot);
      },
      diff: async () => {
        this.inFlight -= 1;
        return [];
      },
    };
  }

  #apply({ routes, registered }: DesiredState): RunReport {
    this.adopting.push(registered.filter(({ adopt }) => adopt).map(({ id }) => id));
    if (this.crash) throw new Error('a defect');
    if (this.runProblem !== null) return { drift: [], outcomes: [], problem: this.runProblem };
    const outcomes: Outcome[] = [];
    const desired = new Set<string>(routes.map(({ id }) => id));
    const known = new Map([...registered, ...routes].map((route) => [route.id as string, route]));
    for (const id of new Set([...desired, ...this.open])) {
      const kind = this.fail(id);
      if (kind !== 'applied')
        outcomes.push({
          id: routeId(id),
          owner: known.get(id)?.owner ?? null,
          hostname: known.get(id)?.hostname ?? `${id}.test`,
          kind,
          problem,
          ...(this.afterMs !== null && { afterMs: this.afterMs }),
          ...(this.knowsPresence && { isPresent: this.open.has(id) }),
        });
      else if (desired.has(id)) this.open.add(id);
      else this.open.delete(id);
    }
    return { drift: [], outcomes, problem: null };
  }

  /** Calls back when a run is due. */
  due = () => {};
  onRunDue(due: () => void): void {
    this.due = due;
  }
}
