/** Shells with and without the hooks, and what their terminals show. */
import { BareContainer, type BareContainerOptions } from './bare-container.ts';
import type { Terminal } from './terminal.ts';

/** Makes the prompt the same everywhere, and the terminal show nothing but text. */
export const PROMPT = "PS1='> '; bind 'set enable-bracketed-paste off'";

/** A container in which the hooks are awake: they go to sleep where their folder is missing. */
export async function hookedContainer(options: BareContainerOptions = {}): Promise<BareContainer> {
  const container = await BareContainer.start(options);
  container.run('mkdir -p /run/devenv/shells /run/devenv/messages');
  return container;
}

/** The same container twice, but that the hooks are asleep in the second. */
export async function startPair(): Promise<[withHooks: BareContainer, without: BareContainer]> {
  const quiet = { env: { DEVENV_QUIET: '1' } };
  return [await hookedContainer(quiet), await BareContainer.start(quiet)];
}

/** What the terminal shows from here on while the lines are typed, each at its prompt; then the shell's end. */
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
