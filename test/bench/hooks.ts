/** What the hooks cost per command line: bash in a real terminal, with and without, in one run. */
import { BareContainer } from '../support/bare-container.ts';
import { percentile, report } from '../support/figures.ts';
import { waitFor } from '../support/wait.ts';

const LINES = 400;

/** Times from one prompt to the next, by the shell's own clock, in ms: each line prints when it began to be read. */
async function lineTimes(container: BareContainer): Promise<number[]> {
  const terminal = container.terminal(['env', 'TERM=dumb', 'bash'], { columns: 200 });
  await terminal.see(/\$ $/);
  await terminal.run("PS1='> '; bind 'set enable-bracketed-paste off'");
  // All lines wait in the terminal's buffer, so nothing but bash itself passes between two prompts.
  const stamps: number[] = [];
  for (let done = 0; done < LINES; done += 50) {
    const batch = Array.from({ length: 50 }, () => 'echo @$EPOCHREALTIME@').join('\r');
    terminal.type(`${batch}\r`);
    const printed = () => [...terminal.fresh.matchAll(/^@([\d.]+)@$/gm)];
    await waitFor('all lines', () => printed().length === 50 && terminal.fresh.endsWith('> '), {
      timeoutMs: 20_000,
      seen: () => terminal.fresh.slice(-500),
    });
    const found = printed().map(([, stamp]) => Number(stamp) * 1000);
    stamps.push(...found.slice(1).map((stamp, index) => stamp - (found[index] ?? stamp)));
  }
  terminal.type('exit\r');
  await terminal.ended;
  return stamps;
}

const withHooks = await BareContainer.start({ env: { DEVENV_QUIET: '1' } });
const without = await BareContainer.start({ env: { DEVENV_QUIET: '1' } });
try {
  withHooks.run('mkdir -p /run/devenv/shells /run/devenv/messages');
  const plain = await lineTimes(without);
  const hooked = await lineTimes(withHooks);
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const [with_, bare] = [percentile(hooked, share), percentile(plain, share)];
    report(`a command line with hooks, ${name}`, `${with_.toFixed(3)} ms`, {
      to: 'without',
      is: with_ / bare,
    });
  }
  const cost = percentile(hooked, 0.5) - percentile(plain, 0.5);
  report('cost of the hooks per command line', `${cost.toFixed(3)} ms`, {
    to: 'the 0.3 ms allowed',
    is: cost / 0.3,
  });
} finally {
  withHooks.remove();
  without.remove();
}
