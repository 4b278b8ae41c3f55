/** Records of ours that nothing needs: of students who are gone, of sessions whose grace is over, of openings that failed. */
import type { RouteReference } from '../../edge.ts';
import { neededRecords, type PictureOptions, type Snapshot } from './plan.ts';
import { ownRecords, type RecordChange } from './records.ts';

export interface RemovalOptions extends PictureOptions {
  /** How long a session's record outlives its use, in ms. */
  graceMs: number;
}

/** What a run has found out so far. */
export interface RemovalInputs {
  /** Since when each record has been of no use, by hostname; ms on the monotonic clock. Kept up here. */
  idleSince: Map<string, number>;
  routeOf(hostname: string): RouteReference;
  isRefused(route: RouteReference): boolean;
  /** Somebody else's rule turned out to have that name. */
  isClashing(hostname: string): boolean;
}

export function removalsOf(
  moment: Snapshot,
  options: RemovalOptions,
  findings: RemovalInputs,
): RecordChange[] {
  const { names, dns, graceMs } = options;
  const { idleSince, routeOf, isRefused, isClashing } = findings;
  const holders = new Set(moment.wanted.registered.map(({ hostname }) => hostname));
  const needed = new Set(neededRecords(moment, options).map(({ hostname }) => hostname));
  const now = performance.now();
  return ownRecords(moment.records, names.instance).flatMap(({ record }) => {
    const hostname = record.name;
    const route = routeOf(hostname);
    if (needed.has(hostname)) idleSince.delete(hostname);
    else if (!idleSince.has(hostname)) idleSince.set(hostname, now);
    const idleMs = now - (idleSince.get(hostname) ?? now);
    const isOver = dns === 'session' && !needed.has(hostname) && idleMs >= graceMs;
    const isUseless = (dns === 'session' && isRefused(route)) || isClashing(hostname);
    const isUndone = moment.fresh.has(hostname) && isUseless;
    if (holders.has(hostname) && !isOver && !isUndone) return [];
    return [{ kind: 'remove', route, record } as const];
  });
}

/** In how many ms the first grace that runs is over; null where none does. */
export function msToNextGrace(idleSince: ReadonlyMap<string, number>, graceMs: number): number | null {
  const now = performance.now();
  // What could not be removed when its grace was over is tried again as any failure is.
  const ahead = [...idleSince.values()].map((since) => since + graceMs - now).filter((ms) => ms > 0);
  return ahead.length === 0 ? null : Math.min(...ahead);
}
