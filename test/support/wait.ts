/** Waiting for a condition: the only way in which a test may wait for something to happen. */

/** How long a test waits at most. Generous for a busy machine: a wait ends as soon as its condition holds. */
export const WAIT_TIMEOUT_MS = 120_000;

export interface WaitOptions {
  timeoutMs?: number;
  /** Pause between two probes, in ms. */
  everyMs?: number;
  /** Describes what was there instead, for the text of the timeout's error. */
  lastSeen?: () => string;
}

/**
 * Probes until the probe returns something other than undefined, null or false, and returns that. After `timeoutMs`
 * it throws an error that names what was missing (`what`) and what was last seen.
 */
export async function waitFor<Found>(
  what: string,
  probe: () => Promise<Found | undefined | null | false> | Found | undefined | null | false,
  { timeoutMs = WAIT_TIMEOUT_MS, everyMs = 50, lastSeen = () => '' }: WaitOptions = {},
): Promise<Found> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) {
      const last = lastSeen();
      throw new Error(`waited ${timeoutMs} ms for ${what}${last === '' ? '' : `; last seen:\n${last}`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/**
 * Probes for `durationMs` and returns whether the probe was ever true. For checks that something does not happen within
 * a time that the product itself defines, such as a grace period.
 */
export async function watchFor(
  probe: () => Promise<boolean> | boolean,
  durationMs: number,
  everyMs = 100,
): Promise<boolean> {
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    if (await probe()) return true;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return false;
}
