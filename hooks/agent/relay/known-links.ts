/**
 * The names by which visitors come: the student's own and those of further links. A closed one stays known: the edge
 * may lead here for a while yet, and who waits at our page there is to be answered as before.
 */
import type { StateMessage } from '../../../orchestrator/protocol/messages.ts';

/** Further links that are remembered; a student may have tried every port. */
const MOST = 32;

type Told = StateMessage['additionalLinks'][number];

export class KnownLinks {
  /** By which visitors come before any state. */
  readonly #first: string | undefined;
  #state: StateMessage | null = null;
  /** By hostname, those that were wanted last at the end. */
  readonly #further = new Map<string, Told>();

  /** `first` is the name that the container was made with: the settings may give another one by now. */
  constructor(first: string | undefined) {
    this.#first = first;
  }

  /** Whether the own link is. Where nobody has told us yet, what the edge lets through is let through. */
  get isWanted(): boolean {
    const phase = this.#state?.link.phase ?? 'open';
    return phase === 'opening' || phase === 'open';
  }

  get further(): (Told & { isWanted: boolean })[] {
    const open = this.#open();
    return [...this.#further.values()].map((link) => ({ ...link, isWanted: open.has(link.hostname) }));
  }

  /** Takes the newest state in; the names at which nobody may be any more, also of those who came before any state. */
  take(state: StateMessage): string[] {
    const before = this.#state?.hostname ?? this.#first ?? state.hostname;
    this.#state = state;
    for (const link of state.additionalLinks) {
      this.#further.delete(link.hostname);
      this.#further.set(link.hostname, link);
    }
    const [...oldest] = this.#further.keys();
    for (const hostname of oldest.slice(0, -MOST)) this.#further.delete(hostname);
    const open = this.#open();
    const known = new Set([before, state.hostname, ...this.#further.keys()]);
    return [...known].filter((hostname) => !open.has(hostname));
  }

  #open(): Set<string> {
    if (this.#state === null || !this.isWanted) return new Set();
    return new Set([this.#state.hostname, ...this.#state.additionalLinks.map(({ hostname }) => hostname)]);
  }
}
