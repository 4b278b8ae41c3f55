/** Generous, since the machine may be busy: a wait that succeeds ends at once, whatever its timeout. */
export const WAIT_TIMEOUT_MS = 120_000;

/**
 * Waits until `look` gives something other than undefined, null or false, and returns it. Times out with what was
 * missing (`what`) and what was seen last, never silently.
 */
export async function waitFor<Found>(
  what: string,
  look: () => Promise<Found | undefined | null | false> | Found | undefined | null | false,
  { timeoutMs = WAIT_TIMEOUT_MS, everyMs = 50, seen = () => '' }: WaitOptions = {},
): Promise<Found> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadline) {
      const last = seen();
      throw new Error(`waited ${timeoutMs} ms for ${what}${last === '' ? '' : `; seen last:\n${last}`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

export interface WaitOptions {
  timeoutMs?: number;
  everyMs?: number;
  /** What is there instead, for the error's text. */
  seen?: () => string;
}
