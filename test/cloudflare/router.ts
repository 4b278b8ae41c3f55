/** From method and path to the operation. */

import { DNS_ROUTES } from './dns-routes.ts';
import { methodNotAllowed, noRoute, type Refusal } from './refusals.ts';
import type { Operation, Route } from './route-types.ts';
import { TUNNEL_ROUTES } from './tunnel-routes.ts';
import { ACCOUNT_ROUTES } from './zone-and-token-routes.ts';

export type RouteMatch =
  | { operation: Operation; ids: Readonly<Record<string, string>> }
  | { operation: null; refusal: Refusal };

/** Literal paths stand before those with a place in the same position (`batch` before `:record`). */
const ROUTES = [...TUNNEL_ROUTES, ...DNS_ROUTES, ...ACCOUNT_ROUTES].map((route: Route) => ({
  segments: route.path.split('/'),
  methods: route.methods,
}));

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const ids: Record<string, string> = {};
  for (const [at, expected] of pattern.entries()) {
    const found = segments[at] ?? '';
    if (expected.startsWith(':')) ids[expected.slice(1)] = found;
    else if (expected !== found) return null;
  }
  return ids;
}

/** `path` below the base URL, with its leading slash and without its query. */
export function matchRoute(method: string, path: string): RouteMatch {
  const segments = path.slice(1).split('/');
  for (const route of ROUTES) {
    const ids = match(route.segments, segments);
    if (ids === null) continue;
    const operation = route.methods[method];
    if (operation === undefined) return { operation: null, refusal: methodNotAllowed(method) };
    return { operation, ids };
  }
  return { operation: null, refusal: noRoute(path) };
}
