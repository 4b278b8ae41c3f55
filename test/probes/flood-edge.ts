/** The local edge with few files, so that a small flood is more than it may open. */
import { floodEdge } from '../support/edge-flood.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';

async function attack(hasLimits: boolean) {
  const { failed, visits } = await floodEdge({
    idle: 1500,
    uploads: 100,
    addresses: 3,
    maxFiles: 600,
    hasLimits,
    visits: 50,
    measureAt: 'attacking',
    attackers: 1,
  });
  return heldIf(failed === 0, `${failed} of ${visits} visits to another link failed`);
}

export const probe: Probe = {
  name: 'flood-edge',
  attack: 'visitors of one link open more connections than the local edge can have files',
  runs: 'ci',
  knownGap: null,
  run: () => attack(true),
  runUnprotected: () => attack(false),
};
