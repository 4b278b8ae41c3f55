/** A mutex: runs one task at a time, in the order of the calls. */

const ignore = () => {};

export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Runs the task after every earlier one has ended, however it ended. Resolves or rejects as `task` does. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(task);
    this.#last = turn.then(ignore, ignore);
    return turn;
  }

  /** Resolves when every task requested so far has ended. */
  get idle(): Promise<void> {
    return this.#last;
  }
}
