/**
 * The hostnames under which visitors come: the student's own and those of additional links. A closed one stays known:
 * the edge may still forward visitors for a while, and a visitor whose page reloads must get the same answer as before.
 */
import type { StateMessage } from '../../../orchestrator/protocol/messages.ts';

/** Additional links that are remembered; a student may have tried every port. */
const MAX_ADDITIONAL_LINKS = 32;

type AdditionalLink = StateMessage['additionalLinks'][number];

export class KnownLinks {
  readonly #initialHostname: string | undefined;
  #state: StateMessage | null = null;
  /** By hostname; those that the newest states contained come last. */
  readonly #additional = new Map<string, AdditionalLink>();

  /** `initialHostname`: the name that the container was created with. The settings may have changed it since. */
  constructor(initialHostname: string | undefined) {
    this.#initialHostname = initialHostname;
  }

  /** Whether visitors of the own link are admitted. Before the first state they are: the edge forwards open links only. */
  get isOwnLinkOpen(): boolean {
    const phase = this.#state?.link.phase ?? 'open';
    return phase === 'opening' || phase === 'open';
  }

  get additional(): (AdditionalLink & { isOpen: boolean })[] {
    const open = this.#openHostnames();
    return [...this.#additional.values()].map((link) => ({ ...link, isOpen: open.has(link.hostname) }));
  }

  /** Returns the hostnames that are closed now: their visitors must be disconnected. */
  updateFrom(state: StateMessage): string[] {
    const previousHostname = this.#state?.hostname ?? this.#initialHostname ?? state.hostname;
    this.#state = state;
    for (const link of state.additionalLinks) {
      this.#additional.delete(link.hostname);
      this.#additional.set(link.hostname, link);
    }
    const oldestFirst = [...this.#additional.keys()];
    for (const hostname of oldestFirst.slice(0, -MAX_ADDITIONAL_LINKS)) this.#additional.delete(hostname);
    const open = this.#openHostnames();
    const known = new Set([previousHostname, state.hostname, ...this.#additional.keys()]);
    return [...known].filter((hostname) => !open.has(hostname));
  }

  #openHostnames(): Set<string> {
    if (this.#state === null || !this.isOwnLinkOpen) return new Set();
    return new Set([this.#state.hostname, ...this.#state.additionalLinks.map(({ hostname }) => hostname)]);
  }
}
