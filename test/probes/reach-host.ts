/** A service of the host that listens on all addresses. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

async function attack(scene: Scene) {
  const server = createServer((_request, response) => response.end('reached')).listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const { host } = await scene.addressesOf(scene.attacker);
    const answer = await scene.attacker.runScript(
      `curl -s -m 4 --noproxy '*' http://${host}:${port}/ || echo refused`,
    );
    return heldIf(answer !== 'reached', `${host}:${port} ${answer}`);
  } finally {
    server.close();
  }
}

export const probe: Probe = {
  name: 'reach-host',
  attack: 'a student connects to a service of the host through the address of the bridge',
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutFirewall(() => attack(scene)),
};
