import { Turns } from '../turns.ts';

/** Runs tasks of one key one after the other, and tasks of different keys side by side. */
export class KeyedQueue {
  readonly #turns = new Map<string, Turns>();

  /** Resolves or rejects as `task` does, once every earlier task of that key has ended, however it ended. */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const turns = this.#turns.get(key) ?? new Turns();
    this.#turns.set(key, turns);
    const mine = turns.take(task);
    const { ended } = turns;
    try {
      return await mine;
    } finally {
      // Nobody has come behind it.
      if (turns.ended === ended) this.#turns.delete(key);
    }
  }
}
