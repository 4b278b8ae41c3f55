/** Faults that tests inject: for the next calls that match, or at random. */
import type { Call, CallKind } from './calls.ts';
import { pick, type Random } from './seeded-random.ts';

/**
 * `applied` says whether the call takes effect before it fails; false by default. A call that the API refuses anyway
 * never takes effect.
 */
export type FaultSpec =
  /** 403, code 10000. */
  | { kind: 'refused' }
  /** 500 in Cloudflare's envelope. */
  | { kind: 'server-error'; applied?: boolean }
  /**
   * 429. `retryAfter` is in seconds or the header's literal text; 1 by default, null for no header. `bare` means that a
   * proxy in between sends it, without Cloudflare's envelope.
   */
  | { kind: 'rate-limited'; retryAfter?: number | string | null; bare?: boolean }
  /** An HTML page from a proxy in between; status 502 by default. */
  | { kind: 'html'; applied?: boolean; status?: number }
  /** The mock never responds. */
  | { kind: 'timeout'; applied?: boolean }
  /** The connection is reset before the call takes effect. */
  | { kind: 'reset-before' }
  /** The call takes effect, and then the connection is reset. */
  | { kind: 'reset-after' }
  /** The call takes effect, and half of the response's JSON arrives, with the usual status. */
  | { kind: 'bad-json' }
  /** The head and the first half of the body arrive; then the connection stays open and silent. */
  | { kind: 'stalled-body'; applied?: boolean }
  /** The call takes effect, and the connection is closed in the middle of the response's body. */
  | { kind: 'broken-body' }
  /** The call takes effect and is answered `ms` milliseconds late, possibly after the client's timeout. */
  | { kind: 'slow'; ms: number };

export type FaultKind = FaultSpec['kind'];

/** A kind alone means that fault with the defaults above. */
export type Fault = FaultSpec | Exclude<FaultKind, 'slow'>;

export interface FaultMatch {
  kind?: CallKind;
  method?: string;
  /** A substring of the path, or a regular expression that matches it. */
  path?: string | RegExp;
}

/** Every fault except `slow`, in each of its variants. */
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

  /** Injects a fault into the next `times` calls that match. If several faults match a call, the first one planned wins. */
  next(match: FaultMatch, fault: Fault, times = 1): void {
    this.#planned.push({ match, fault: typeof fault === 'string' ? { kind: fault } : fault, times });
  }

  /** Makes every call fail with this probability from now on; 0 stops that. */
  random(
    probability: number,
    random: Random,
    among: readonly [FaultSpec, ...FaultSpec[]] = ALL_FAULTS,
  ): void {
    this.#chance = probability > 0 ? { probability, random, among } : null;
  }

  /** Removes all planned and random faults. */
  clear(): void {
    this.#planned = [];
    this.#chance = null;
  }

  /** The number of planned faults that have not been used yet. */
  get pending(): number {
    return this.#planned.reduce((sum, { times }) => sum + times, 0);
  }

  /** Picks the fault for this call, null for none, and uses up a planned one. Only the server calls this. */
  pickFor(call: Call): FaultSpec | null {
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
