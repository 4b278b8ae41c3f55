/**
 * Checks whether open routes answer visitors. Each route is checked independently, outside the lock. A link is
 * called live once the edge has confirmed it, not when it was requested, and is checked again while it is live: the
 * engine's port proxy may end, the relay may hang.
 */
import { backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { Edge, Route, RouteId } from '../edges/edge.ts';
import { type Problem, problemOf } from '../errors.ts';

/** Timeout of one check. The student then reads what the edge has found out so far. */
const CHECK_TIMEOUT_MS = 20_000;
/** Timeout of a check of a live link. Longer than an agent takes to restart, which is no reason to alarm the student. */
const RECHECK_TIMEOUT_MS = 10_000;
/** Longest pause between two checks of a live link; the upper half is jitter, which spreads a class's checks. */
const RECHECK_INTERVAL_MS = 20_000;

const recheckDelayMs = () => RECHECK_INTERVAL_MS * (1 - Math.random() / 2);

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

  /** The route is open at the edge: checks it until `end` is called. */
  begin(route: Route): void {
    if (this.#hasStopped || this.#checks.has(route.id)) return;
    const check: Check = { stopping: new AbortController(), live: false, problem: null };
    this.#checks.set(route.id, check);
    void this.#repeat(route, check);
  }

  async #repeat(route: Route, check: Check): Promise<void> {
    const { signal } = check.stopping;
    let failures = 0;
    while (!signal.aborted) {
      const wasLive = check.live;
      const answer = await this.#confirm(route, wasLive, signal);
      if (signal.aborted) return;
      check.live = answer.kind === 'live';
      check.problem = answer.kind === 'live' ? null : answer.problem;
      failures = check.live ? 0 : failures + 1;
      if (!check.live || !wasLive) this.#onChange(route.id);
      await this.#clock.sleep(check.live ? recheckDelayMs() : backoff(failures), signal);
    }
  }

  async #confirm(route: Route, wasLive: boolean, signal: AbortSignal) {
    const timeout = new AbortController();
    const timer = this.#clock.setTimer(
      () => timeout.abort(),
      wasLive ? RECHECK_TIMEOUT_MS : CHECK_TIMEOUT_MS,
    );
    const untilTimeout = AbortSignal.any([signal, timeout.signal]);
    try {
      return await (wasLive
        ? this.#edge.recheck(route, untilTimeout)
        : this.#edge.confirm(route, untilTimeout));
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
