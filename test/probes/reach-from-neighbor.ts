/** A machine on the host's network segment that adds a route to the students' bridge. Docker refuses it since version 28. */
import { RELAY_PORT } from '../../orchestrator/protocol/constants.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

async function attack(scene: Scene) {
  const { own } = await scene.addressesOf(scene.attacker);
  const status = await scene.neighborStatusOf(`${own}:${RELAY_PORT}`, 'localhost');
  return heldIf(status === '000', status === '000' ? 'no answer' : `the relay answered ${status}`);
}

export const probe: Probe = {
  name: 'reach-from-neighbor',
  attack: "a neighbor of the host connects to a relay at the container's address, past the edge",
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutIngressRules(() => attack(scene)),
};
