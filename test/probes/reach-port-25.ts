/** The port on which mail servers talk to each other: open, a class sends spam. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { ALLOWED_ADDRESS, type Scene } from '../support/probes/scene.ts';

/** At an address whose other ports students may reach. */
async function attack(scene: Scene) {
  const [mail, other] = [
    await scene.tryFrom(scene.attacker, `${ALLOWED_ADDRESS}:25`),
    await scene.tryFrom(scene.attacker, `${ALLOWED_ADDRESS}:8000`),
  ];
  return heldIf(mail !== 'reached' && other === 'reached', `port 25 ${mail}, port 8000 ${other}`);
}

export const probe: Probe = {
  name: 'reach-port-25',
  attack: 'a student connects to a mail server',
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutFirewall(() => attack(scene)),
};
