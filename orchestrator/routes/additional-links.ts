/**
 * The additional links of one student, one per further server: routes of their own at the edge, with ids like
 * `alice-4000`. They open and close with the student's own link. A closed one stays registered, so that its DNS
 * record lives as long as any other.
 */
import type { Route, RouteId } from '../edges/edge.ts';

/** What this needs of the reconciler. */
export interface RouteRegistry {
  register(route: Route): void;
  setDesired(id: RouteId, desired: boolean): void;
  unregister(id: RouteId): Promise<unknown>;
}

/** The route for a port; null if the port can't have one. */
export type RouteForPort = (port: number) => Route | null;

export class AdditionalLinks {
  readonly #registry: RouteRegistry;
  readonly #routeForPort: RouteForPort;
  readonly #routes = new Map<number, Route>();
  #desiredPorts: readonly number[] = [];

  constructor(registry: RouteRegistry, routeForPort: RouteForPort) {
    this.#registry = registry;
    this.#routeForPort = routeForPort;
  }

  /** All registered routes, desired or not. */
  get all(): Iterable<Route> {
    return this.#routes.values();
  }

  /** The desired routes, each with its port. */
  get desired(): [number, Route][] {
    return [...this.#routes].filter(([port]) => this.#desiredPorts.includes(port));
  }

  /** Registers routes for exactly these ports, of which some are desired. Returns the routes that it unregistered. */
  update(ports: readonly number[], desiredPorts: readonly number[]): Route[] {
    this.#desiredPorts = desiredPorts;
    const removed: Route[] = [];
    for (const [port, route] of this.#routes) {
      if (ports.includes(port)) continue;
      this.#routes.delete(port);
      // Not awaited: the removal of the student's own link waits for the same run.
      void this.#registry.unregister(route.id);
      removed.push(route);
    }
    for (const port of ports) {
      const route = this.#routes.get(port) ?? this.#routeForPort(port);
      if (route === null) continue;
      if (!this.#routes.has(port)) this.#registry.register(route);
      this.#routes.set(port, route);
      this.#registry.setDesired(route.id, desiredPorts.includes(port));
    }
    return removed;
  }
}
