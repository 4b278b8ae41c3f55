/** What a run that was cut off, here or in a process that was killed, says about what stands now. */
import type { Configuration } from '../api/client.ts';
import { hostnamesOf, type OwnWays } from '../plan/ingress.ts';
import type { InterruptedRun } from './journal.ts';
import { type LostUpdate, mayHaveLost } from './write-ingress.ts';

/**
 * Hostnames whose records it was making, and whose rules it has got to: nobody else had one then, or it would have
 * stopped. Another rule for one of them came later, so that the record proves it ours.
 */
export function provenBy(
  { making, standing }: InterruptedRun,
  { config }: Configuration,
  ways: OwnWays,
): string[] {
  const ruled = hostnamesOf(config, ways);
  return making.filter((hostname) => ruled.has(hostname) && !standing.includes(hostname));
}

/** It may have overwritten what somebody wrote after its last look: nobody else can tell it. Null where it has not. */
export function lossBy({ read }: InterruptedRun, { version }: Configuration): LostUpdate | null {
  return read !== null && mayHaveLost(read, version) ? { read, now: version } : null;
}
