/**
 * Sees whether open routes are really reachable, each by itself and outside the lock: "live" is said when the edge
 * has confirmed it, not when it was asked for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '../backoff.ts';
import type { Edge, Route, RouteId } from '../edges/edge.ts';
import { type Problem, problemOf } from '../errors.ts';

/** How long one confirmation may take before the student is told what is known, in ms. */
const PATIENCE = 20_000;

type State = { stop: AbortController; live: boolean; problem: Problem | null };

export class ReadinessChecks {
  readonly #edge: Edge;
  readonly #onChange: (id: RouteId) => void;
  readonly #states = new Map<RouteId, State>();
  #hasStopped = false;

  constructor(edge: Edge, onChange: (id: RouteId) => void) {
    this.#edge = edge;
    this.#onChange = onChange;
  }

  /** The route is open at the edge: confirms it, again and again until it is live or let go. */
  begin(route: Route): void {
    if (this.#hasStopped || this.#states.has(route.id)) return;
    const state: State = { stop: new AbortController(), live: false, problem: null };
    this.#states.set(route.id, state);
    void this.#confirm(route, state);
  }

  async #confirm(route: Route, state: State): Promise<void> {
    const { signal } = state.stop;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
      const answer = await this.#edge
        .confirm(route, patience)
        .catch((error: unknown) => ({ kind: 'not-live', problem: problemOf(error) }) as const);
      if (signal.aborted) return;
      state.live = answer.kind === 'live';
      state.problem = answer.kind === 'live' ? null : answer.problem;
      this.#onChange(route.id);
      if (state.live) return;
      await sleep(backoff(attempt), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** The route is no longer open: what was known of it is void. */
  end(id: RouteId): void {
    this.#states.get(id)?.stop.abort();
    this.#states.delete(id);
  }

  view(id: RouteId): { live: boolean; problem: Problem | null } {
    const { live = false, problem = null } = this.#states.get(id) ?? {};
    return { live, problem };
  }

  /** For good: agents that go with this process make nobody ask again. */
  stop(): void {
    this.#hasStopped = true;
    for (const id of [...this.#states.keys()]) this.end(id);
  }
}
