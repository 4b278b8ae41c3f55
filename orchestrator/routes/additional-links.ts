/**
 * The further links of a student, one for each further server: routes of their own at the edge, which open and close
 * with the student's. Each is held and published under its own name, `alice-4000`, and held on while it is closed, as
 * the student's own is: its DNS record lives as long as any.
 */
import type { Route, RouteId } from '../edges/edge.ts';

/** The part of the publisher that is needed here. */
export interface RouteRegistry {
  register(route: Route): void;
  setDesired(id: RouteId, wanted: boolean): void;
  unregister(id: RouteId): Promise<unknown>;
}

/** The link for a port; null where it can't have one. */
export type RouteForPort = (port: number) => Route | null;

export class AdditionalLinks {
  readonly #publisher: RouteRegistry;
  readonly #linkFor: RouteForPort;
  readonly #held = new Map<number, Route>();
  #wanted: readonly number[] = [];

  constructor(publisher: RouteRegistry, linkFor: RouteForPort) {
    this.#publisher = publisher;
    this.#linkFor = linkFor;
  }

  /** Those that are held, wanted or not. */
  get all(): Iterable<Route> {
    return this.#held.values();
  }

  /** Those that are wanted now, each with its port. */
  get wanted(): [number, Route][] {
    return [...this.#held].filter(([port]) => this.#wanted.includes(port));
  }

  /** Holds the links of exactly these ports, and makes those of `wanted` wanted; returns those that are gone by that. */
  follow(ports: readonly number[], wanted: readonly number[]): Route[] {
    const gone: Route[] = [];
    this.#wanted = wanted;
    for (const [port, route] of this.#held) {
      if (ports.includes(port)) continue;
      this.#held.delete(port);
      // Away from the edge with the next publication; who waits for that waits for the student's own link.
      void this.#publisher.unregister(route.id);
      gone.push(route);
    }
    for (const port of ports) {
      const route = this.#held.get(port) ?? this.#linkFor(port);
      if (route === null) continue;
      if (!this.#held.has(port)) this.#publisher.register(route);
      this.#held.set(port, route);
      this.#publisher.setDesired(route.id, wanted.includes(port));
    }
    return gone;
  }
}
