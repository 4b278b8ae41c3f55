/** From "listens" to "live", and from `exit` to "gone", as a visitor sees them. */

import { Installation } from '../support/installation.ts';
import { percentile, printMeasurement } from '../support/measurements.ts';
import { waitFor } from '../support/wait.ts';

const ROUNDS = 12;

const devenv = await Installation.make();
const toLive: number[] = [];
const toLine: number[] = [];
const toGone: number[] = [];
try {
  await devenv.succeed('create', 'alice');
  for (let round = 0; round < ROUNDS; round += 1) {
    const terminal = devenv.terminal(['shell', 'alice']);
    await terminal.see(/\$ $/, { timeoutMs: 15_000 });
    terminal.type('cd ~/hello && npm run dev\r');
    await terminal.see(/Listening on port/, { timeoutMs: 15_000, everyMs: 2 });
    const listens = performance.now();
    const line = terminal
      .see(/live at/, { timeoutMs: 15_000, everyMs: 2 })
      .then(() => toLine.push(performance.now() - listens));
    await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200, { everyMs: 2 });
    toLive.push(performance.now() - listens);
    await line;
    terminal.type('\x03');
    await terminal.see(/\$ $/);
    terminal.type('exit\r');
    const left = performance.now();
    await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404, {
      everyMs: 2,
    });
    toGone.push(performance.now() - left);
    await terminal.ended;
  }
  const figures = [
    ['from "listens" to the page', toLive],
    ['from "listens" to the line in the terminal', toLine],
    ['from `exit` to gone', toGone],
  ] as const;
  for (const [what, times] of figures) {
    printMeasurement(`${what}, p50`, `${percentile(times, 0.5).toFixed(0)} ms`);
    printMeasurement(`${what}, p99`, `${percentile(times, 0.99).toFixed(0)} ms`);
  }
} finally {
  await devenv.remove();
}
