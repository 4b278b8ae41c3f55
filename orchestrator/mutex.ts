/** A lock: one task at a time, in the order in which they were asked for. */

const noWait = () => {};

export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Runs the task when every one that was asked for before has ended, however it ended. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(task);
    this.#last = turn.then(noWait, noWait);
    return turn;
  }

  /** Resolves when all that was asked for until now has ended. */
  get idle(): Promise<void> {
    return this.#last;
  }
}
