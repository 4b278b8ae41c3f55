/**
 * Where the rules lead that we have written: what leads there is ours, whatever became of its mark. On disk before the
 * document is sent, so that whoever finds it after a crash knows as much.
 */
import type { JsonObject } from '../api/client.ts';
import { type OwnWays, type Way, waysIn } from '../plan/ingress.ts';
import type { FactStore } from '../zone.ts';

export class WrittenRules implements OwnWays {
  readonly #store: FactStore;
  readonly #key: string;
  #all: ReadonlySet<Way>;

  constructor(store: FactStore, tunnelId: string) {
    this.#store = store;
    this.#key = `cloudflare.ways.${tunnelId}`;
    this.#all = new Set(JSON.parse(store.recall(this.#key) ?? '[]') as Way[]);
  }

  has(way: Way): boolean {
    return this.#all.has(way);
  }

  #set(ways: ReadonlySet<Way>): void {
    if (ways.symmetricDifference(this.#all).size === 0) return;
    this.#all = ways;
    this.#store.remember(this.#key, JSON.stringify([...ways]));
  }

  /** The document has our rules for these open routes (origin by hostname), or is about to have them. */
  note(config: JsonObject | null, open: ReadonlyMap<string, string>): void {
    const ours = waysIn(config).filter(({ hostname, service }) => open.get(hostname) === service);
    this.#set(this.#all.union(new Set(ours.map(({ way }) => way))));
  }

  /** Nothing is on the way any more: what does not stand in the document is over. */
  forgetAllBut(config: JsonObject | null): void {
    this.#set(this.#all.intersection(new Set(waysIn(config).map(({ way }) => way))));
  }
}
