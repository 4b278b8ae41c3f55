/**
 * Runs programs of the host with zx. zx is loaded with the first one: most commands of the command line run none, and
 * would start 20 ms later.
 */
import type { Options } from 'zx/core';

export type HostShellOptions = Partial<Pick<Options, 'signal' | 'env' | 'detached' | 'stdio'>>;

/**
 * The tag of one command: `` await $`apt-get install ${packages}` ``. Arguments are quoted. The result has `ok`,
 * `exitCode`, `stdout`, `stderr` and `stdall` (both); a program that fails or is missing (127) does not throw. `exec`
 * replaces zx's shell by the program, so that an aborted signal ends the program itself.
 */
export async function hostShell(options: HostShellOptions = {}) {
  const { $ } = await import('zx/core');
  return $({ quiet: true, nothrow: true, prefix: 'exec ', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

/** Whether a program of that name is in PATH. */
export async function hasProgram(name: string): Promise<boolean> {
  const { which } = await import('zx/core');
  return (await which(name, { nothrow: true })) !== null;
}
