/** A public address that the setting `deny` names, such as a server of the campus. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { DENIED_ADDRESS, type Scene } from '../support/probes/scene.ts';

async function attack(scene: Scene) {
  const answer = await scene.tryFrom(scene.attacker, `${DENIED_ADDRESS}:8000`);
  return heldIf(answer !== 'reached', answer);
}

export const probe: Probe = {
  name: 'reach-denied',
  attack: 'a student connects to a public address in the list `deny`',
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutFirewall(() => attack(scene)),
};
