/** What another link's visitors notice of a large flood. Time is the figure, so it needs a machine that does nothing else. */
import { floodEdge } from '../support/edge-flood.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';

/** The p95 of another link during the flood, against its quiet value. */
const MAX_RATIO = 2;

async function attack(hasLimits: boolean) {
  const { failed, visits, quietP95Ms, floodedP95Ms } = await floodEdge({
    idle: 22_000,
    uploads: 4300,
    addresses: 40,
    maxFiles: 20_000,
    hasLimits,
    visits: 300,
    // An edge without limits recovers once it has closed the idle connections for having sent nothing.
    measureAt: hasLimits ? 'steady' : 'attacking',
    attackers: 2,
  });
  const ratio = floodedP95Ms / quietP95Ms;
  const figures = `p95 ${quietP95Ms.toFixed(1)} → ${floodedP95Ms.toFixed(1)} ms, ${failed} of ${visits} visits failed`;
  return heldIf(failed === 0 && ratio <= MAX_RATIO, figures);
}

export const probe: Probe = {
  name: 'flood-edge-22000',
  attack: 'visitors of one link open 22,000 idle connections and 4,300 slow uploads at the local edge',
  runs: 'by-hand',
  knownGap: null,
  run: () => attack(true),
  runUnprotected: () => attack(false),
};
