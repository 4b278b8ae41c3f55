/** Shells with and without hooks, and what their terminals show. */
import { BareContainer, type BareContainerOptions } from './bare-container.ts';
import type { Terminal } from './terminal.ts';

/** Sets the same prompt in all shells, and turns off escape sequences. */
export const PROMPT = "PS1='> '; bind 'set enable-bracketed-paste off'";

/** A container with active hooks: they need their folder. */
export async function hookedContainer(options: BareContainerOptions = {}): Promise<BareContainer> {
  const container = await BareContainer.start(options);
  container.run('mkdir -p /run/devenv/shells /run/devenv/messages');
  return container;
}

/** Two equal containers; the hooks are active only in the first. */
export async function startPair(): Promise<[withHooks: BareContainer, without: BareContainer]> {
  const quiet = { env: { DEVENV_QUIET: '1' } };
  return [await hookedContainer(quiet), await BareContainer.start(quiet)];
}

/** What arms the hooks for one line, as their prompt does. */
export const HOOKS_TRAP = '__devenv_armed[0]=1; trap "$__devenv_debug_trap" DEBUG';

/** Writes /tmp/paste: a command with a here-document of 2,000 lines after that trap. It prints `took` and the µs. */
export function placeHereDocument(container: BareContainer, trap: string): void {
  container.run(`{
    echo 'from=$EPOCHREALTIME; ${trap}'
    echo ": pasted <<'END'"
    for ((line = 0; line < 2000; line++)); do echo "  const größe = await fetchSomething($line); // ${'.'.repeat(20)}"; done
    echo END
    echo 'echo "took $((\${EPOCHREALTIME/./} - \${from/./}))"'
  } >/tmp/paste`);
}

/** Types each line at its prompt, then ends the shell. Returns what the terminal showed, and the exit code. */
export async function typeAll(
  terminal: Terminal,
  lines: readonly string[],
): Promise<{ text: string; code: number }> {
  let text = '';
  for (const line of lines) {
    terminal.type(`${line}\r`);
    await terminal.see(/> $/, { everyMs: 5 });
    text += terminal.recentText;
  }
  terminal.type('exit 6\r');
  const code = await terminal.ended;
  return { text: text + terminal.recentText, code };
}
