/** What the hooks cost per command line: bash in a real terminal, with and without, in one run. */
import type { BareContainer } from '../support/bare-container.ts';
import { startPair } from '../support/hooked-shells.ts';
import { percentile, printMeasurement } from '../support/measurements.ts';

const LINES = 400;

/**
 * Types lines that note the time into a bash whose terminal is read inside the container: nothing but bash itself
 * passes between two of them, and no engine that hands on what it shows.
 */
const script = `
for ((line = 0; line < ${LINES}; line++)); do echo 'stamps+=($EPOCHREALTIME)'; done >/tmp/typed
echo 'printf "%s\\n" "\${stamps[@]}" >/tmp/stamps; exit' >>/tmp/typed
{ sleep 1; cat /tmp/typed; sleep 3; } | TERM=dumb script -qc bash /dev/null >/dev/null
cat /tmp/stamps`;

/** Times from one line to the next, by the shell's own clock, in ms. */
function lineTimes(container: BareContainer): number[] {
  const stamps = container
    .run(script)
    .split('\n')
    .map((stamp) => Number(stamp) * 1000);
  if (stamps.length !== LINES) throw new Error(`${stamps.length} of ${LINES} lines were run`);
  return stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? stamp));
}

const [withHooks, without] = await startPair();
try {
  const plain = lineTimes(without);
  const hooked = lineTimes(withHooks);
  for (const [name, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const [with_, bare] = [percentile(hooked, share), percentile(plain, share)];
    printMeasurement(`a command line with hooks, ${name}`, `${with_.toFixed(3)} ms`, {
      to: 'without',
      is: with_ / bare,
    });
  }
  const cost = percentile(hooked, 0.5) - percentile(plain, 0.5);
  printMeasurement('cost of the hooks per command line', `${cost.toFixed(3)} ms`, {
    to: 'the 0.3 ms allowed',
    is: cost / 0.3,
  });
} finally {
  await withHooks.remove();
  await without.remove();
}
