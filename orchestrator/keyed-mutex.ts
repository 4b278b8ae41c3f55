import { Mutex } from './mutex.ts';

/** Runs tasks of one key one after the other, and tasks of different keys side by side. */
export class KeyedMutex {
  readonly #turns = new Map<string, Mutex>();

  /** Resolves or rejects as `task` does, once every earlier task of that key has ended, however it ended. */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const turns = this.#turns.get(key) ?? new Mutex();
    this.#turns.set(key, turns);
    const mine = turns.run(task);
    const { idle } = turns;
    try {
      return await mine;
    } finally {
      // Nobody has come behind it.
      if (turns.idle === idle) this.#turns.delete(key);
    }
  }
}
