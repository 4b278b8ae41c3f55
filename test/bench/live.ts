/** From "server listens" to "link live", and from `exit` to "link gone", as a visitor sees them. */
import { Installation } from '../support/installation.ts';
import { median, PERCENTILES, percentile, printMeasurement, timed } from '../support/measurements.ts';
import { waitFor } from '../support/wait.ts';

const ROUNDS = 12;
const VISITS_PER_ROUND = 5;
/** Short, so that polling adds little to what is measured. */
const EVERY_MS = 2;

const devenv = await Installation.make();
const statusIs = (status: number) => async () => (await devenv.statusOf('alice')) === status;

const visit: number[] = [];
const toPage: number[] = [];
const toLine: number[] = [];
const toGone: number[] = [];
try {
  await devenv.succeed('create', 'alice');
  for (let round = 0; round < ROUNDS; round += 1) {
    const terminal = devenv.terminal(['shell', 'alice']);
    await terminal.see(/\$ $/);
    terminal.type('cd ~/hello && npm run dev\r');
    await terminal.see(/Listening on port/, { everyMs: EVERY_MS });
    const listensAt = performance.now();
    const line = terminal
      .see(/live at/, { everyMs: EVERY_MS })
      .then(() => toLine.push(performance.now() - listensAt));
    await waitFor('the page', statusIs(200), { everyMs: EVERY_MS });
    toPage.push(performance.now() - listensAt);
    await line;
    for (let count = 0; count < VISITS_PER_ROUND; count += 1)
      visit.push(await timed(() => devenv.visit('alice')));
    await terminal.interrupt();
    terminal.type('exit\r');
    const leftAt = performance.now();
    await waitFor('the link to be gone', statusIs(404), { everyMs: EVERY_MS });
    toGone.push(performance.now() - leftAt);
    await terminal.ended;
  }
  const visitMs = median(visit);
  printMeasurement('a visit of the live link, median', `${visitMs.toFixed(1)} ms`);
  const measurements = [
    ['from "listens" to the page', toPage],
    ['from "listens" to the line in the terminal', toLine],
    ['from `exit` to gone', toGone],
  ] as const;
  for (const [name, times] of measurements)
    for (const [percentileName, share] of PERCENTILES) {
      const ms = percentile(times, share);
      printMeasurement(`${name}, ${percentileName}`, `${ms.toFixed(0)} ms`, {
        to: 'a visit',
        is: ms / visitMs,
      });
    }
} finally {
  await devenv.remove();
}
