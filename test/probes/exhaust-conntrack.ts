/** Each connection of a student is an entry in the host's connection tracking table. */
import { readFileSync } from 'node:fs';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { ALLOWED_ADDRESS, type Scene } from '../support/probes/scene.ts';

/** Bounded: leaves most of the kernel's default table free. */
const FLOWS = 20_000;

/** What one student may add at once: 100 students then fit into the kernel's default of 262,144. */
const MAX_ADDED = 2500;

const entries = () => Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));

async function attack({ attacker }: Scene) {
  const before = entries();
  await attacker.runScript(`python3 -c '
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(20000, 20000 + ${FLOWS}):
    try: sender.sendto(b"x", ("${ALLOWED_ADDRESS}", port))
    except OSError: pass'`);
  const added = Math.max(0, entries() - before);
  return heldIf(added < MAX_ADDED, `${added} entries by ${FLOWS} packets`);
}

export const probe: Probe = {
  name: 'exhaust-conntrack',
  attack: 'a student sends packets to many ports of an address that they may reach',
  runs: 'by-hand',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutTrafficLimits(() => attack(scene)),
};
