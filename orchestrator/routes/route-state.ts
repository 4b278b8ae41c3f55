/** What is known of one student's route: whether it is wanted, and what the edge was made to say. */

import type { LinkPhase } from '../domain.ts';
import type { FailedOutcome, Outcome, Route, RouteReference } from '../edges/edge.ts';
import type { Problem } from '../errors.ts';

/**
 * Whether the edge has a route. `untried`: no run has made it so yet, or seen it. `going`: a run was told to take it
 * away, and none has said since what stands, so that it may be gone at any moment.
 */
type Presence = 'untried' | 'absent' | 'present' | 'going';

export interface RouteState {
  route: Route;
  desired: boolean;
  /** Somebody else's things at the hostname may be taken over. */
  adopt: boolean;
  atEdge: Presence;
  problem: Problem | null;
  /** Failures one after the other. */
  attempts: number;
}

/** What a publication has taken in of an entry, which may change while it runs. */
export type DesiredRoute = Pick<RouteState, 'desired' | 'adopt'>;

const presenceOf = (stands: boolean): Presence => (stands ? 'present' : 'absent');

export const newRouteState = (route: Route): RouteState => ({
  route,
  desired: false,
  adopt: false,
  atEdge: 'untried',
  problem: null,
  attempts: 0,
});

export function phaseOf({ desired, atEdge, problem }: RouteState): {
  phase: LinkPhase;
  problem: Problem | null;
} {
  if (desired) return { phase: atEdge === 'present' ? 'open' : 'opening', problem };
  return { phase: atEdge === 'present' || atEdge === 'going' ? 'closing' : 'closed', problem };
}

/** A run takes in what is wished of the route: from now on one that is to go may be gone. */
export function snapshotOf(entry: RouteState): DesiredRoute {
  const { desired, adopt } = entry;
  if (!desired && entry.atEdge === 'present') entry.atEdge = 'going';
  return { desired, adopt };
}

/** What tells outcomes apart: the route, or the hostname of what no route is known for. */
export const keyOf = ({ id, hostname }: RouteReference): string => id ?? hostname;

/** The problem of each failed outcome, by `keyOf`. */
export const problemsOf = (outcomes: readonly Outcome[]): Map<string, Problem> =>
  new Map(
    outcomes.flatMap((outcome) => (outcome.kind === 'applied' ? [] : [[keyOf(outcome), outcome.problem]])),
  );

const isAsWanted = ({ atEdge, desired }: RouteState) => atEdge === presenceOf(desired);

/**
 * What a run that failed saw counts: it may have taken away what is wanted, or left what is not. Who had what they want,
 * and has it, is not told of calls that failed for others, or for tidying up; of what took their name, they are. Who
 * was told hears of it until it is over.
 */
function fail(entry: RouteState, { problem, isPresent }: FailedOutcome): void {
  const isSettled = isAsWanted(entry) && entry.problem === null;
  if (isPresent !== undefined) entry.atEdge = presenceOf(isPresent);
  const concerns = !isSettled || !isAsWanted(entry) || problem.code === 'conflict';
  entry.problem = concerns ? problem : null;
}

/** Takes in what became of a publication that was to make the route as wished; undefined: nothing differed. */
export function applyOutcome(
  entry: RouteState,
  { desired, adopt }: DesiredRoute,
  outcome: Outcome | undefined,
): void {
  switch (outcome?.kind) {
    case undefined:
    case 'applied':
      entry.atEdge = presenceOf(desired);
      if (adopt) entry.adopt = false;
      entry.problem = null;
      entry.attempts = 0;
      return;
    case 'retry':
      fail(entry, outcome);
      entry.attempts += 1;
      return;
    case 'refused':
      fail(entry, outcome);
      // A person's word counts once, where it was heard: what stands there later may be something else.
      if (adopt) entry.adopt = false;
      return;
  }
}
