/** Cloud metadata, private and shared networks, in a network namespace that the test created. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { REFUSED_ADDRESSES, type Scene } from '../support/probes/scene.ts';

async function attack(scene: Scene) {
  const reached: string[] = [];
  for (const address of REFUSED_ADDRESSES) {
    const answer = await scene.attacker.runScript(
      `curl -s -m 4 --noproxy '*' http://${address}:8000/ || echo refused`,
    );
    if (answer === 'reached') reached.push(address);
  }
  return heldIf(reached.length === 0, `${reached.length} of ${REFUSED_ADDRESSES.length} addresses answered`);
}

export const probe: Probe = {
  name: 'reach-private-addresses',
  attack: 'a student connects to the metadata service of a cloud and to private networks of the host',
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutFirewall(() => attack(scene)),
};
