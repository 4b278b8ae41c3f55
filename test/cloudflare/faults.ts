/** What goes wrong on demand: once for the next call of a kind, or at random. */
import type { Call, CallKind } from './calls.ts';
import { pick, type Random } from './seeded-random.ts';

/**
 * `applied` where a fault may strike before or after the call took effect: false unless it says otherwise.
 * A call that would have been refused anyway is never applied.
 */
export type FaultSpec =
  /** 403, code 10000. */
  | { kind: 'refused' }
  /** 500 in Cloudflare's envelope. */
  | { kind: 'server-error'; applied?: boolean }
  /**
   * 429; `retryAfter` in seconds or as the header's own text, 1 by default, null for none. `bare`: of a proxy in
   * between, without Cloudflare's envelope.
   */
  | { kind: 'rate-limited'; retryAfter?: number | string | null; bare?: boolean }
  /** A page of HTML, from a proxy in between; status 502 by default. */
  | { kind: 'html'; applied?: boolean; status?: number }
  /** No answer ever. */
  | { kind: 'timeout'; applied?: boolean }
  /** The connection is reset, and nothing was done. */
  | { kind: 'reset-before' }
  /** Done, and then the connection is reset. */
  | { kind: 'reset-after' }
  /** Done, and half of the answer's JSON arrives, with the status that it would have had. */
  | { kind: 'bad-json' }
  /** Status, headers and the beginning of a body arrive, and then nothing: the connection stays open. */
  | { kind: 'stalled-body'; applied?: boolean }
  /** Done, and the connection ends in the middle of the answer's body. */
  | { kind: 'broken-body' }
  /** Takes effect, and is answered, `ms` later than it should: long enough, and the client has given up. */
  | { kind: 'slow'; ms: number };

export type FaultKind = FaultSpec['kind'];

/** A bare name has the defaults above. */
export type Fault = FaultSpec | Exclude<FaultKind, 'slow'>;

export interface FaultMatch {
  kind?: CallKind;
  method?: string;
  /** A part of the path, or an expression that matches it. */
  path?: string | RegExp;
}

/** Every fault, in both variants where there are two. */
export const ALL_FAULTS: readonly [FaultSpec, ...FaultSpec[]] = [
  { kind: 'refused' },
  { kind: 'server-error' },
  { kind: 'server-error', applied: true },
  { kind: 'rate-limited' },
  { kind: 'rate-limited', bare: true },
  { kind: 'html' },
  { kind: 'html', applied: true },
  { kind: 'timeout' },
  { kind: 'timeout', applied: true },
  { kind: 'reset-before' },
  { kind: 'reset-after' },
  { kind: 'bad-json' },
  { kind: 'stalled-body' },
  { kind: 'stalled-body', applied: true },
  { kind: 'broken-body' },
];

interface Planned {
  match: FaultMatch;
  fault: FaultSpec;
  times: number;
}

function matches({ kind, method, path }: FaultMatch, call: Call): boolean {
  if (kind !== undefined && kind !== call.kind) return false;
  if (method !== undefined && method !== call.method) return false;
  if (path === undefined) return true;
  return typeof path === 'string' ? call.path.includes(path) : path.test(call.path);
}

export class Faults {
  #planned: Planned[] = [];
  #chance: { probability: number; random: Random; among: readonly [FaultSpec, ...FaultSpec[]] } | null = null;

  /** The next `times` calls that match fail like this. Of several that match, the one planned first strikes. */
  next(match: FaultMatch, fault: Fault, times = 1): void {
    this.#planned.push({ match, fault: typeof fault === 'string' ? { kind: fault } : fault, times });
  }

  /** From now on each call fails with this probability; 0 ends it. */
  random(
    probability: number,
    random: Random,
    among: readonly [FaultSpec, ...FaultSpec[]] = ALL_FAULTS,
  ): void {
    this.#chance = probability > 0 ? { probability, random, among } : null;
  }

  /** Nothing goes wrong any more. */
  clear(): void {
    this.#planned = [];
    this.#chance = null;
  }

  /** How many planned faults have not struck yet. */
  get pending(): number {
    return this.#planned.reduce((sum, { times }) => sum + times, 0);
  }

  /** What happens to this call. For the server alone: a planned fault is used up by it. */
  draw(call: Call): FaultSpec | null {
    const planned = this.#planned.find(({ match }) => matches(match, call));
    if (planned !== undefined) {
      planned.times -= 1;
      if (planned.times <= 0) this.#planned.splice(this.#planned.indexOf(planned), 1);
      return planned.fault;
    }
    const chance = this.#chance;
    return chance !== null && chance.random() < chance.probability ? pick(chance.random, chance.among) : null;
  }
}
