/** One route: whether it is desired, and what is known of it at the edge. Changed by the outcome of each run. */
import { backoff } from '../backoff.ts';
import type { LinkPhase } from '../domain.ts';
import type { FailedOutcome, Outcome, Route, RouteId, RouteReference } from '../edges/edge.ts';
import type { Problem } from '../errors.ts';

/**
 * Whether the edge has a route. `unknown`: no run has written or read it yet. `closing`: a run was told to remove it,
 * and none has reported since, so that it may be gone at any moment.
 */
type Presence = 'unknown' | 'absent' | 'present' | 'closing';

export interface RouteState {
  route: Route;
  desired: boolean;
  /** Whether the instructor allowed to take over what another owner has at the hostname. */
  adopt: boolean;
  atEdge: Presence;
  problem: Problem | null;
  /** Number of consecutive failures. */
  attempts: number;
}

/** What a run's snapshot says of a route, which may change during the run. */
export type DesiredRoute = Pick<RouteState, 'desired' | 'adopt'>;

const presenceOf = (isPresent: boolean): Presence => (isPresent ? 'present' : 'absent');

export const newRouteState = (route: Route): RouteState => ({
  route,
  desired: false,
  adopt: false,
  atEdge: 'unknown',
  problem: null,
  attempts: 0,
});

export function phaseOf({ desired, atEdge, problem }: RouteState): {
  phase: LinkPhase;
  problem: Problem | null;
} {
  if (desired) return { phase: atEdge === 'present' ? 'open' : 'opening', problem };
  return { phase: atEdge === 'present' || atEdge === 'closing' ? 'closing' : 'closed', problem };
}

export function isChanging(state: RouteState): boolean {
  const { phase } = phaseOf(state);
  return phase === 'opening' || phase === 'closing';
}

/** Takes the snapshot for a run. A route that the run removes may be gone from now on. */
export function snapshotOf(state: RouteState): DesiredRoute {
  const { desired, adopt } = state;
  if (!desired && state.atEdge === 'present') state.atEdge = 'closing';
  return { desired, adopt };
}

/** Time until a failed cleanup of an unregistered route is retried. */
const CLEANUP_RETRY_MS = 10_000;

/** Time until the next run that these outcomes need; null if none is to be retried. */
export function retryDelayMs(
  outcomes: readonly Outcome[],
  states: ReadonlyMap<RouteId, RouteState>,
): number | null {
  const delaysMs = outcomes.flatMap((outcome) => {
    if (outcome.kind !== 'retry') return [];
    const attempts = (outcome.id === null ? undefined : states.get(outcome.id))?.attempts;
    return [outcome.afterMs ?? (attempts === undefined ? CLEANUP_RETRY_MS : backoff(attempts))];
  });
  return delaysMs.length === 0 ? null : Math.min(...delaysMs);
}

/** Tells outcomes apart: by route, or by hostname where no route is known. */
export const keyOf = ({ id, hostname }: RouteReference): string => id ?? hostname;

/** The problem of each failed outcome, by `keyOf`. */
export const problemsOf = (outcomes: readonly Outcome[]): Map<string, Problem> =>
  new Map(
    outcomes.flatMap((outcome) => (outcome.kind === 'applied' ? [] : [[keyOf(outcome), outcome.problem]])),
  );

const isAsDesired = ({ atEdge, desired }: RouteState) => atEdge === presenceOf(desired);

/**
 * A failed run may still have changed the route, in either direction. A student whose route is as desired is not
 * bothered with failures of other routes or of cleanup; a conflict concerns them in any case. A problem that was
 * reported stays until it is over.
 */
function applyFailure(state: RouteState, { problem, isPresent }: FailedOutcome): void {
  const wasFine = isAsDesired(state) && state.problem === null;
  if (isPresent !== undefined) state.atEdge = presenceOf(isPresent);
  const concernsStudent = !wasFine || !isAsDesired(state) || problem.code === 'conflict';
  state.problem = concernsStudent ? problem : null;
}

/** Applies a run's outcome for a route that its snapshot had as `snapshot`. Undefined: nothing differed. */
export function applyOutcome(state: RouteState, snapshot: DesiredRoute, outcome: Outcome | undefined): void {
  switch (outcome?.kind) {
    case undefined:
    case 'applied':
      state.atEdge = presenceOf(snapshot.desired);
      if (snapshot.adopt) state.adopt = false;
      state.problem = null;
      state.attempts = 0;
      return;
    case 'retry':
      applyFailure(state, outcome);
      state.attempts += 1;
      return;
    case 'refused':
      applyFailure(state, outcome);
      // Permission to take over counts for one run: later the hostname may have another owner.
      if (snapshot.adopt) state.adopt = false;
      return;
  }
}
