/** Leaves out the routes that can't be served here: Cloudflare would read any name as one below the zone. */
import type { Problem } from '../../../errors.ts';
import type { DesiredState, Outcome, RouteId } from '../../edge.ts';

/** The desired state without routes whose hostname has a problem, and these as refused. */
export function servable(
  { routes, registered }: DesiredState,
  problemOf: (hostname: string) => Problem | null,
): { state: DesiredState; refused: Outcome[] } {
  const refused = new Map<RouteId, Outcome>();
  for (const { id, owner, hostname } of registered) {
    const problem = problemOf(hostname);
    if (problem !== null) refused.set(id, { id, owner, hostname, kind: 'refused', problem });
  }
  const isServable = ({ id }: { id: RouteId }) => !refused.has(id);
  const state = { routes: routes.filter(isServable), registered: registered.filter(isServable) };
  return { state, refused: [...refused.values()] };
}
