/** Routes for tests. */
import { type Route, routeId } from '../../orchestrator/edges/edge.ts';

/** The own route of a student. */
export const ownRoute = (
  student: string,
  hostname = `${student}.test`,
  origin = 'http://127.0.0.1:1',
): Route => ({ id: routeId(student), owner: student, hostname, origin, relayKey: null });
