/** What is known of one student's route: whether it is wanted, and what the edge was made to say. */
import type { RoutePhase } from '../agents/protocol.ts';
import type { Outcome, Route } from '../edges/edge.ts';
import type { Problem } from '../errors.ts';

export interface RouteEntry {
  route: Route;
  wanted: boolean;
  /** Somebody else's things at the hostname may be taken over. */
  adopt: boolean;
  /** What the edge was last made to say; null where that is not known. */
  published: boolean | null;
  problem: Problem | null;
  /** Failures one after the other. */
  attempts: number;
}

/** What a publication has taken in of an entry, which may change while it runs. */
export type Wish = Pick<RouteEntry, 'wanted' | 'adopt'>;

export const newEntry = (route: Route): RouteEntry => ({
  route,
  wanted: false,
  adopt: false,
  published: null,
  problem: null,
  attempts: 0,
});

export function phaseOf({ wanted, published, problem }: RouteEntry): {
  phase: RoutePhase;
  problem: Problem | null;
} {
  if (wanted) return { phase: published === true ? 'open' : 'opening', problem };
  return { phase: published === true ? 'closing' : 'closed', problem };
}

/** Why each of those failed who did. */
export const problemsOf = (outcomes: readonly Outcome[]): Map<string, Problem> =>
  new Map(
    outcomes.flatMap((outcome) => (outcome.result === 'done' ? [] : [[outcome.student, outcome.problem]])),
  );

/** Who has what they want is not told of calls that failed for others, or for tidying up; of what took their name, they are. */
const concerns = ({ published, wanted }: RouteEntry, { code }: Problem) =>
  published !== wanted || code === 'clash';

/** Takes in what became of a publication that was to make the route as wished; undefined: nothing differed. */
export function settle(entry: RouteEntry, { wanted, adopt }: Wish, outcome: Outcome | undefined): void {
  switch (outcome?.result) {
    case undefined:
    case 'done':
      entry.published = wanted;
      if (adopt) entry.adopt = false;
      entry.problem = null;
      entry.attempts = 0;
      return;
    case 'later':
      entry.problem = concerns(entry, outcome.problem) ? outcome.problem : null;
      entry.attempts += 1;
      return;
    case 'refused':
      entry.problem = concerns(entry, outcome.problem) ? outcome.problem : null;
      // A person's word counts once, where it was heard: what stands there later may be something else.
      if (adopt) entry.adopt = false;
      return;
  }
}
