/** One run of an edge without a reconciler around it. */
import type { Edge, Route } from '../../orchestrator/edges/edge.ts';

/** Makes the edge serve exactly these routes. */
export async function applyRoutes(edge: Edge, routes: readonly Route[]): Promise<void> {
  const state = { routes, registered: [] };
  const run = await edge.begin(state, { mode: 'publish', signal: new AbortController().signal });
  await run.apply(state);
}
