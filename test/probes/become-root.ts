/** A setuid program of root: `no-new-privileges` makes the kernel ignore the bit. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

async function attack(scene: Scene, SecurityOpt?: string[]) {
  const run = await scene.containerLikeAttacker({
    ReadonlyRootfs: false,
    ...(SecurityOpt === undefined ? {} : { SecurityOpt }),
  });
  await run('cp /bin/bash /usr/local/bin/rootbash && chmod 4755 /usr/local/bin/rootbash', '0:0');
  const uid = await run("rootbash -p -c 'id -u'");
  return heldIf(uid !== '0' && /^\d+$/.test(uid), `uid ${uid}`);
}

export const probe: Probe = {
  name: 'become-root',
  attack: 'a student runs a setuid program that belongs to root',
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene),
  runUnprotected: (scene) => attack(scene, []),
};
