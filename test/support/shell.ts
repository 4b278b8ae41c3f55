/** zx for tests: quotes arguments, prints nothing, and throws with the program's output where the program fails. */
import { $ as zx } from 'zx/core';

/** `exec` replaces zx's shell by the program, so that a signal reaches the program itself. */
const options = { quiet: true, prefix: 'exec ', stdio: ['ignore', 'pipe', 'pipe'] } satisfies Parameters<
  typeof zx
>[0];

export const $ = zx(options);

/** The same, waiting for the program without leaving the current turn of the event loop. */
export const $sync = zx({ ...options, sync: true });
