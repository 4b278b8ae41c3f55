/** What root of a container may do with the engine's default capabilities. */
import type Docker from 'dockerode';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** Each succeeds with exit code 0 where the process has the capability. */
const ATTEMPTS: Record<string, string> = {
  'change the owner of a file': 'touch /tmp/own && chown 12345 /tmp/own',
  'create a device': 'mknod /tmp/null c 1 3',
  'open a raw socket': `python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'`,
  'change the root directory': 'chroot / true',
};

async function attack(scene: Scene, changes: Docker.HostConfig) {
  const run = await scene.containerLikeAttacker(changes, '0:0');
  const succeeded: string[] = [];
  for (const [what, script] of Object.entries(ATTEMPTS))
    if ((await run(`(${script}) >/dev/null 2>&1 && echo yes || echo no`)) === 'yes') succeeded.push(what);
  const count = `${succeeded.length} of ${Object.keys(ATTEMPTS).length} succeeded`;
  return heldIf(succeeded.length === 0, succeeded.length === 0 ? count : `${count}: ${succeeded.join(', ')}`);
}

export const probe: Probe = {
  name: 'use-capabilities',
  attack: 'a process that became root in a container uses capabilities',
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene, {}),
  runUnprotected: (scene) => attack(scene, { CapDrop: [] }),
};
