/** Finds the operation for a method and path. */
import { DNS_ROUTES } from './dns-routes.ts';
import { methodNotAllowed, noRoute, type Refusal } from './refusals.ts';
import type { Operation, Route } from './route-types.ts';
import { TUNNEL_ROUTES } from './tunnel-routes.ts';
import { ZONE_AND_TOKEN_ROUTES } from './zone-and-token-routes.ts';

export type RouteMatch =
  /** `ids` are the values of the path's placeholders, by name. */
  | { kind: 'operation'; operation: Operation; ids: Readonly<Record<string, string>> }
  | { kind: 'refused'; refusal: Refusal };

/** The first match wins, so a literal segment (`batch`) must come before a placeholder (`:record`) in its position. */
const ROUTES = [...TUNNEL_ROUTES, ...DNS_ROUTES, ...ZONE_AND_TOKEN_ROUTES].map((route: Route) => ({
  segments: route.path.split('/'),
  methods: route.methods,
}));

/** The values of the pattern's placeholders; null if the path does not match. */
function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const ids: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (expected.startsWith(':')) ids[expected.slice(1)] = segment;
    else if (expected !== segment) return null;
  }
  return ids;
}

/** `path` is below the base URL, with its leading slash and without its query. */
export function matchRoute(method: string, path: string): RouteMatch {
  const segments = path.slice(1).split('/');
  for (const route of ROUTES) {
    const ids = matchSegments(route.segments, segments);
    if (ids === null) continue;
    const operation = route.methods[method];
    if (operation === undefined) return { kind: 'refused', refusal: methodNotAllowed(method) };
    return { kind: 'operation', operation, ids };
  }
  return { kind: 'refused', refusal: noRoute(path) };
}
