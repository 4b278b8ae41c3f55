/**
 * The further links of a student, one for each further server: routes of their own at the edge, which come and go
 * with the student's. Each is held and published under its own name, `alice-4000`.
 */
import type { Route } from '../edges/edge.ts';

/** The part of the publisher that is needed here. */
export interface LinkPublisher {
  hold(route: Route): void;
  want(student: string, wanted: boolean): void;
  release(student: string): Promise<unknown>;
}

/** The link for a port; null where it can't have one. */
export type LinkFor = (port: number) => Route | null;

export class FurtherLinks {
  readonly #publisher: LinkPublisher;
  readonly #linkFor: LinkFor;
  readonly #held = new Map<number, Route>();

  constructor(publisher: LinkPublisher, linkFor: LinkFor) {
    this.#publisher = publisher;
    this.#linkFor = linkFor;
  }

  /** Those that are wanted now, by port. */
  get all(): ReadonlyMap<number, Route> {
    return this.#held;
  }

  /** Makes the links of exactly these ports wanted; returns those that are gone by that. */
  follow(ports: readonly number[]): Route[] {
    const gone: Route[] = [];
    for (const [port, route] of this.#held) {
      if (ports.includes(port)) continue;
      this.#held.delete(port);
      // Away from the edge with the next publication; who waits for that waits for the student's own link.
      void this.#publisher.release(route.student);
      gone.push(route);
    }
    for (const port of ports) {
      const route = this.#held.has(port) ? null : this.#linkFor(port);
      if (route === null) continue;
      this.#held.set(port, route);
      this.#publisher.hold(route);
      this.#publisher.want(route.student, true);
    }
    return gone;
  }
}
