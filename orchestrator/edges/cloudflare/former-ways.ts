/**
 * Where students' links led before the settings gave them other hostnames: their rules are ours, though in another
 * zone no mark can say so. On disk until all of them are gone.
 */
import { type Way, wayOf } from './ingress.ts';
import type { FactStore } from './zone.ts';

const KEY = 'cloudflare.former-ways';

export class FormerWays {
  readonly #store: FactStore;
  readonly #ways: Set<Way>;

  constructor(store: FactStore) {
    this.#store = store;
    this.#ways = new Set(JSON.parse(store.recall(KEY) ?? '[]') as Way[]);
  }

  get all(): ReadonlySet<Way> {
    return this.#ways;
  }

  add(hostname: string, origin: string): void {
    this.#ways.add(wayOf(hostname, origin));
    this.#keep();
  }

  /** A run has got to its end with them: no rule leads there any more. */
  clear(): void {
    if (this.#ways.size === 0) return;
    this.#ways.clear();
    this.#keep();
  }

  #keep(): void {
    this.#store.remember(KEY, JSON.stringify([...this.#ways]));
  }
}
