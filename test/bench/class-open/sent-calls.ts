/** Records every call of this process to the API on the client's side, so it works with the mock and any other server. */

export interface SentCall {
  method: string;
  /** Below the base URL. */
  path: string;
  /** On the monotonic clock, in ms; `endedAt` is null while it is in flight. */
  startedAt: number;
  endedAt: number | null;
}

export class SentCalls {
  readonly all: SentCall[] = [];

  /** Watches `fetch` from now on, for calls below `baseUrl`. Returns a function that stops. */
  watch(baseUrl: string): () => void {
    const { fetch } = globalThis;
    globalThis.fetch = async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      if (!url.startsWith(baseUrl)) return fetch(input, init);
      const call: SentCall = {
        method: init?.method ?? 'GET',
        path: url.slice(baseUrl.length),
        startedAt: performance.now(),
        endedAt: null,
      };
      this.all.push(call);
      try {
        return await fetch(input, init);
      } finally {
        call.endedAt = performance.now();
      }
    };
    return () => {
      globalThis.fetch = fetch;
    };
  }

  get isQuiet(): boolean {
    return this.all.every(({ endedAt }) => endedAt !== null);
  }
}

/** How long at least one of the calls was in flight before `until`, in ms: the chain, where they follow each other. */
export function timeIn(calls: readonly SentCall[], until: number): number {
  let total = 0;
  let covered = 0;
  for (const { startedAt, endedAt } of calls.toSorted((a, b) => a.startedAt - b.startedAt)) {
    const end = Math.min(endedAt ?? until, until);
    total += Math.max(0, end - Math.max(startedAt, covered));
    covered = Math.max(covered, end);
  }
  return total;
}
