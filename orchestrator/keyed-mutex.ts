/** One mutex per key: tasks of one key run one after the other, tasks of different keys concurrently. */
import { Mutex } from './mutex.ts';

export class KeyedMutex {
  readonly #mutexes = new Map<string, Mutex>();

  /** Runs the task after every earlier one of that key has ended. Resolves or rejects as `task` does. */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const mutex = this.#mutexes.get(key) ?? new Mutex();
    this.#mutexes.set(key, mutex);
    const result = mutex.run(task);
    const { idle } = mutex;
    try {
      return await result;
    } finally {
      // No later task of this key has been requested.
      if (mutex.idle === idle) this.#mutexes.delete(key);
    }
  }
}
