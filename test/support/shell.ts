/** zx for tests: quotes arguments, prints nothing, and throws with the program's errors where the program fails. */
import { $ as zx } from 'zx/core';

/** A pipeline fails with any of its programs. `exec` replaces zx's shell, so that a signal reaches the program itself. */
const options = {
  quiet: true,
  prefix: 'set -o pipefail; exec ',
  stdio: ['ignore', 'pipe', 'pipe'],
} satisfies Parameters<typeof zx>[0];

export const $ = zx(options);

/** The same, but blocks until the program ends. `$sync({ … })` is a tag with additional options. */
export const $sync = zx({ ...options, sync: true });
