/** Faults that tests inject: for the next calls that match, or at random. */
import type { Call, CallKind } from './calls.ts';
import { ALL_FAULTS, type Fault, type FaultSpec } from './fault-spec.ts';
import { pick, type Random } from './seeded-random.ts';

export interface FaultMatch {
  kind?: CallKind;
  method?: string;
  /** A substring of the path, or a regular expression that matches it. */
  path?: string | RegExp;
}

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
