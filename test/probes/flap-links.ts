/** Students who open and close their links in a loop, to use up the calls that Cloudflare allows the whole class. */
import { type FlappingResult, flapClass } from '../support/flapping-class.ts';
import { median } from '../support/measurements.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';

const medianOf = (openings: FlappingResult['during']) =>
  openings.length === 0 ? 'none' : `median ${Math.round(median(openings.map(({ ms }) => ms)))} ms`;

function result({ before, during, calls, budget }: FlappingResult) {
  const opened = during.filter(({ problem }) => problem === null);
  const times = `${medianOf(opened)}, quiet: ${medianOf(before)}`;
  return heldIf(
    opened.length === during.length && calls < budget,
    `${opened.length} of ${during.length} others opened (${times}), ${calls} of ${budget} calls used`,
  );
}

export const probe: Probe = {
  name: 'flap-links',
  attack: 'six students open and close their links in a loop while 16 others open theirs',
  runs: 'ci',
  knownGap: null,
  run: async () => result(await flapClass()),
  runUnprotected: async () => result(await flapClass({ burst: 10_000, refillMs: 1 })),
};
