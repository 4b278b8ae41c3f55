/**
 * Checks whether open routes answer visitors. Each route is checked independently, outside the lock. A link is
 * called live once the edge has confirmed it, not when it was requested.
 */
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Edge, Route, RouteId } from '../edges/edge.ts';
import { type Problem, problemOf } from '../errors.ts';

/** Timeout of one check. The student then reads what the edge has found out so far. */
const CHECK_TIMEOUT_MS = 20_000;

interface Check {
  stopping: AbortController;
  live: boolean;
  problem: Problem | null;
}

export class ReadinessChecks {
  readonly #edge: Edge;
  readonly #clock: Clock;
  readonly #onChange: (id: RouteId) => void;
  readonly #checks = new Map<RouteId, Check>();
  #hasStopped = false;

  constructor(edge: Edge, clock: Clock, onChange: (id: RouteId) => void) {
    this.#edge = edge;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** The route is open at the edge: checks it until it is live or `end` is called. */
  begin(route: Route): void {
    if (this.#hasStopped || this.#checks.has(route.id)) return;
    const check: Check = { stopping: new AbortController(), live: false, problem: null };
    this.#checks.set(route.id, check);
    void this.#repeat(route, check);
  }

  async #repeat(route: Route, check: Check): Promise<void> {
    const { signal } = check.stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const answer = await this.#confirm(route, signal);
      if (signal.aborted) return;
      check.live = answer.kind === 'live';
      check.problem = answer.kind === 'live' ? null : answer.problem;
      this.#onChange(route.id);
      if (check.live) return;
      await this.#clock.sleep(backoff(attempt), signal);
    }
  }

  async #confirm(route: Route, signal: AbortSignal) {
    const timeout = new AbortController();
    const timer = this.#clock.setTimer(() => timeout.abort(), CHECK_TIMEOUT_MS);
    try {
      return await this.#edge.confirm(route, AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      return { kind: 'not-live', problem: problemOf(error) } as const;
    } finally {
      timer.cancel();
    }
  }

  /** The route is no longer open: discards the result of its check. */
  end(id: RouteId): void {
    this.#checks.get(id)?.stopping.abort();
    this.#checks.delete(id);
  }

  view(id: RouteId): { live: boolean; problem: Problem | null } {
    const { live = false, problem = null } = this.#checks.get(id) ?? {};
    return { live, problem };
  }

  /** Ends every check and begins no other, even if routes open while the daemon stops. */
  stop(): void {
    this.#hasStopped = true;
    for (const id of [...this.#checks.keys()]) this.end(id);
  }
}
