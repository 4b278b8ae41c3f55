/** Who can't be served here is left out of a publication: Cloudflare would take any name for one below the zone. */
import type { Problem } from '../../../errors.ts';
import type { DesiredState, Outcome, Publication } from '../../edge.ts';

export interface ServablePublication extends Publication {
  /** What became of those who are left out, as of the last `take`. */
  refused(): Outcome[];
}

export function servable(
  publication: Publication,
  problemOf: (hostname: string) => Problem | null,
): ServablePublication {
  let refused = new Map<string, Outcome>();
  return {
    ...publication,
    refused: () => [...refused.values()],
    take(): DesiredState {
      const { routes, registered } = publication.take();
      refused = new Map(
        registered.flatMap(({ student, hostname }) => {
          const problem = problemOf(hostname);
          return problem === null ? [] : [[student, { student, result: 'refused', problem }]];
        }),
      );
      const isServable = ({ student }: { student: string }) => !refused.has(student);
      return { routes: routes.filter(isServable), registered: registered.filter(isServable) };
    },
  };
}
