/** When a look at Cloudflare is due though nobody's wish has changed: a grace that is over, a call whose outcome is in doubt. */
export class Agenda {
  readonly #doubts = new Set<NodeJS.Timeout>();
  #grace: NodeJS.Timeout | null = null;
  #isInDoubt = true;
  #due: () => void = () => {};

  onDue(due: () => void): void {
    this.#due = due;
  }

  /** Whether the next run must read first what is there: at the start, and once a call in doubt can't arrive any more. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Whether something may still change what is there without us. */
  get isUnsettled(): boolean {
    return this.#isInDoubt || this.#doubts.size > 0;
  }

  /** All was read. */
  looked(): void {
    this.#isInDoubt = false;
  }

  /** A call was given up that may still be carried out until `afterMs` from now: then it is looked at again. */
  doubt(afterMs: number): void {
    const timer = setTimeout(() => {
      this.#doubts.delete(timer);
      this.#isInDoubt = true;
      this.#due();
    }, afterMs).unref();
    this.#doubts.add(timer);
  }

  /** The first grace is over in that many ms; null where none runs. */
  expectGrace(inMs: number | null): void {
    if (this.#grace !== null) clearTimeout(this.#grace);
    this.#grace = inMs === null ? null : setTimeout(() => this.#due(), Math.max(0, inMs) + 1).unref();
  }

  stop(): void {
    this.expectGrace(null);
    for (const timer of this.#doubts) clearTimeout(timer);
    this.#doubts.clear();
  }
}
