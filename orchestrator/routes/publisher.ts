/**
 * Makes wanted routes real, under one lock. Invariants:
 * - never two calls of the edge's `publish` or `reconcile` at a time;
 * - a publication waits 50 ms for company and takes in whoever comes until its first write;
 * - whoever comes later is in the next one: nobody waits for more than the run in flight;
 * - one student's failure is that student's: it is tried again while it is wanted, and holds up nobody.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RoutePhase } from '../agents/protocol.ts';
import type { Difference, Edge, Holder, Outcome, Publication, Route, WantedEdge } from '../edges/edge.ts';
import { type Problem, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { backoff } from './backoff.ts';

/** How long a publication waits for company, in ms. */
const COMPANY = 50;
/** How often wanted and actual are compared though nothing happened, in ms. */
const RECONCILE_EVERY = 5 * 60_000;

interface Entry {
  route: Route;
  wanted: boolean;
  /** What the edge was last made to say; null where that is not known. */
  published: boolean | null;
  problem: Problem | null;
  attempts: number;
  retry: NodeJS.Timeout | null;
}

export interface PublisherOptions {
  edge: Edge;
  log: Log;
  /** A student's phase or problem may have changed. */
  onChange(student: string): void;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  #dirty = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.reconcile(true), RECONCILE_EVERY).unref();
    this.#schedule();
  }

  /** The student's route exists from now on; whether the edge has it already is not known. */
  hold(route: Route): void {
    const entry: Entry = { route, wanted: false, published: null, problem: null, attempts: 0, retry: null };
    this.#entries.set(route.student, entry);
  }

  want(student: string, wanted: boolean): void {
    const entry = this.#entries.get(student);
    if (entry === undefined || entry.wanted === wanted) return;
    entry.wanted = wanted;
    entry.problem = null;
    entry.attempts = 0;
    this.#schedule();
  }

  phase(student: string): { phase: RoutePhase; problem: Problem | null } {
    const entry = this.#entries.get(student);
    if (entry === undefined) return { phase: 'closed', problem: null };
    const { wanted, published, problem } = entry;
    if (wanted) return { phase: published === true ? 'open' : 'opening', problem };
    return { phase: published === true ? 'closing' : 'closed', problem };
  }

  /** The student goes: resolves when nothing at the edge leads to them, or when that could not be reached in one run. */
  async release(student: string): Promise<void> {
    const entry = this.#entries.get(student);
    if (entry === undefined) return;
    this.#clearRetry(entry);
    this.#entries.delete(student);
    this.#schedule();
    while (this.#running !== null) await this.#running;
  }

  #schedule(): void {
    this.#dirty = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = null;
      if (this.#dirty && !this.#stopping.signal.aborted) this.#schedule();
    });
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#stopping.signal.aborted) {
      await sleep(COMPANY, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (!this.#stopping.signal.aborted) await this.#publish();
    }
  }

  /** A publication for the edge, and what was taken in by it. */
  #open(): { publication: Publication; taken: Map<string, boolean> } {
    const taken = new Map<string, boolean>();
    const publication: Publication = {
      signal: this.#stopping.signal,
      take: () => {
        this.#dirty = false;
        const entries = [...this.#entries.values()];
        for (const { route, wanted } of entries) taken.set(route.student, wanted);
        const holders: Holder[] = entries.map(({ route: { student, hostname } }) => ({ student, hostname }));
        const routes = entries.filter((entry) => entry.wanted).map((entry) => entry.route);
        return { routes, holders } satisfies WantedEdge;
      },
    };
    return { publication, taken };
  }

  async #publish(): Promise<void> {
    const { publication, taken } = this.#open();
    let outcomes: readonly Outcome[] = [];
    try {
      outcomes = await this.#options.edge.publish(publication);
    } catch (error) {
      this.#options.log.error({ err: error }, 'a publication failed');
      if (taken.size === 0) publication.take();
      const problem = problemOf(error);
      outcomes = [...taken.keys()].map((student) => ({ student, result: 'later', problem }) as const);
    }
    const byStudent = new Map(outcomes.map((outcome) => [outcome.student, outcome]));
    for (const [student, wanted] of taken) this.#settle(student, wanted, byStudent.get(student));
  }

  #settle(student: string, wanted: boolean, outcome: Outcome | undefined): void {
    const entry = this.#entries.get(student);
    if (entry === undefined) return;
    const before = JSON.stringify(this.phase(student));
    switch (outcome?.result) {
      case undefined:
      case 'done':
        entry.published = wanted;
        entry.problem = null;
        entry.attempts = 0;
        break;
      case 'later':
        entry.problem = outcome.problem;
        this.#retryLater(entry, outcome.afterMs);
        break;
      case 'refused':
        entry.problem = outcome.problem;
        this.#options.log.warn({ student, problem: outcome.problem }, 'the edge refused a route');
        break;
    }
    if (JSON.stringify(this.phase(student)) !== before) this.#options.onChange(student);
  }

  #retryLater(entry: Entry, afterMs: number | undefined): void {
    entry.attempts += 1;
    this.#clearRetry(entry);
    entry.retry = setTimeout(() => this.#schedule(), afterMs ?? backoff(entry.attempts)).unref();
  }

  #clearRetry(entry: Entry): void {
    if (entry.retry !== null) clearTimeout(entry.retry);
    entry.retry = null;
  }

  /** Compares wanted and actual, and with `mend` makes them agree; waits for the publication in flight. */
  async reconcile(mend: boolean): Promise<readonly Difference[]> {
    while (this.#running !== null) await this.#running;
    let differences: readonly Difference[] = [];
    this.#running = (async () => {
      const { publication, taken } = this.#open();
      try {
        differences = await this.#options.edge.reconcile(publication, mend);
        if (mend) for (const [student, wanted] of taken) this.#settle(student, wanted, undefined);
      } catch (error) {
        this.#options.log.error({ err: error }, 'a reconcile failed');
      }
    })().finally(() => {
      this.#running = null;
      if (this.#dirty && !this.#stopping.signal.aborted) this.#schedule();
    });
    await this.#running;
    return differences;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const entry of this.#entries.values()) this.#clearRetry(entry);
    await this.#running;
  }
}
