/** The hooks' cost per command line: bash in a real terminal with and without them, measured in one run. */
import type { BareContainer } from '../support/bare-container.ts';
import { HOOKS_TRAP, placeHereDocument, startPair } from '../support/hooked-shells.ts';
import { PERCENTILES, percentile, printMeasurement } from '../support/measurements.ts';

const LINES = 400;
const ALLOWED_COST_MS = 0.3;

/**
 * Types lines that record the time into a bash whose terminal is read inside the container, so that neither the engine
 * nor the network takes part in what is measured. The input stays open until bash has written its times.
 */
const script = `
cd /tmp; rm -f ready stamps
for ((line = 0; line < ${LINES}; line++)); do echo 'stamps+=($EPOCHREALTIME)'; done >typed
echo 'printf "%s\\n" "\${stamps[@]}" >/tmp/stamps.new; mv /tmp/stamps.new /tmp/stamps; exit' >>typed
wait_for() { until [ -e "$1" ]; do sleep 0.1; done; }
{ echo 'touch /tmp/ready'; wait_for ready; cat typed; wait_for stamps; } | TERM=dumb script -qc bash /dev/null >/dev/null
cat stamps`;

/** Times between two lines by the shell's own clock, in ms. */
function lineTimes(container: BareContainer): number[] {
  const stamps = container
    .run(script)
    .split('\n')
    .map((stamp) => Number(stamp) * 1000);
  if (stamps.length !== LINES) throw new Error(`${stamps.length} of ${LINES} lines were run`);
  return stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? stamp));
}

/** The quickest of five runs of a pasted here-document after a DEBUG trap, in ms. */
async function hereDocumentMs(container: BareContainer, trap: string): Promise<number> {
  placeHereDocument(container, trap);
  const terminal = container.terminal(['bash']);
  await terminal.see(/\$ $/);
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const [, microseconds] = (await terminal.run('. /tmp/paste')).match(/took (\d+)/) ?? [];
    times.push(Number(microseconds) / 1000);
  }
  terminal.kill();
  return Math.min(...times);
}

const [withHooks, withoutHooks] = await startPair();
try {
  const bare = lineTimes(withoutHooks);
  const hooked = lineTimes(withHooks);
  for (const [name, share] of PERCENTILES) {
    const [hookedMs, bareMs] = [percentile(hooked, share), percentile(bare, share)];
    printMeasurement(`command line with hooks, ${name}`, `${hookedMs.toFixed(3)} ms`, {
      to: 'without hooks',
      is: hookedMs / bareMs,
    });
  }
  const costMs = percentile(hooked, 0.5) - percentile(bare, 0.5);
  printMeasurement('cost of the hooks per command line', `${costMs.toFixed(3)} ms`, {
    to: `the ${ALLOWED_COST_MS} ms allowed`,
    is: costMs / ALLOWED_COST_MS,
  });
  // Recording the whole text instead of its beginning would take a hundred times as long.
  const [hookedMs, bareMs] = [
    await hereDocumentMs(withHooks, HOOKS_TRAP),
    await hereDocumentMs(withoutHooks, 'trap : DEBUG'),
  ];
  printMeasurement('a here-document of 2,000 lines with hooks', `${hookedMs.toFixed(1)} ms`, {
    to: 'with an empty trap',
    is: hookedMs / bareMs,
  });
} finally {
  withHooks.remove();
  withoutHooks.remove();
}
