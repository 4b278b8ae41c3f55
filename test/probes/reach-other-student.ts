/** A server of another student, by the container's address. */
import Docker from 'dockerode';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { waitFor } from '../support/wait.ts';

const SERVE =
  'require("http").createServer((q, r) => r.end("reached")).on("error", () => process.exit()).listen(8000, "0.0.0.0")';

async function attack({ attacker, other }: Scene, address: string) {
  const visit = (student: typeof attacker) =>
    student.runScript(`curl -s -m 4 --noproxy '*' http://${address}:8000/ || echo refused`);
  await other.runScript(`nohup node -e '${SERVE}' >/dev/null 2>&1 &`);
  await waitFor("the other student's server", async () => (await visit(other)) === 'reached');
  const answer = await visit(attacker);
  return heldIf(answer !== 'reached', answer);
}

/** The same two containers on a bridge with the engine's defaults. */
async function attackOnOpenBridge(scene: Scene) {
  const docker = new Docker();
  const Name = `devenv-${scene.devenv.instance}-open`;
  const network = await docker.createNetwork({ Name, Labels: { 'devenv.instance': scene.devenv.instance } });
  const containers = [scene.attacker.container, scene.other.container];
  try {
    for (const Container of containers) await network.connect({ Container });
    const { NetworkSettings } = await docker.getContainer(scene.other.container).inspect();
    return await attack(scene, NetworkSettings.Networks[Name]?.IPAddress ?? '');
  } finally {
    for (const Container of containers) await network.disconnect({ Container, Force: true });
    await network.remove();
  }
}

export const probe: Probe = {
  name: 'reach-other-student',
  attack: "a student connects to a server in another student's container",
  runs: 'ci',
  knownGap: null,
  run: async (scene) => attack(scene, (await scene.addressesOf(scene.other)).own),
  runUnprotected: attackOnOpenBridge,
};
