/** Each address that a student tries on their own network is an entry in a table of the whole host: 1,024 by default. */
import { readFileSync } from 'node:fs';
import Docker from 'dockerode';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** More than the kernel's default limit; bounded, so that the attack ends on hosts with a higher one. */
const ADDRESSES = 2000;

/** Entries that one student may add and still leave room for the rest of the class and the host. */
const MAX_ADDED = 300;

const SAMPLE_EVERY_MS = 10;

/** Entries of all network namespaces: the first column, in hex. */
function entries(): number {
  const [, line = ''] = readFileSync('/proc/net/stat/arp_cache', 'utf8').split('\n');
  return Number.parseInt(line, 16);
}

/** Sends one packet to each of the addresses after the container's own, as far as they are on its network. */
const ATTACK = `python3 -c '
import socket, struct
for line in open("/proc/net/route").read().splitlines()[1:]:
    fields = line.split()
    first, mask = (struct.unpack("<I", bytes.fromhex(fields[each]))[0] for each in (1, 7))
    if mask: break
size = min(${ADDRESSES}, 2**32 - mask - 2)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for offset in range(2, size):
    try: sender.sendto(b"x", (socket.inet_ntoa(struct.pack(">I", first + offset)), 9))
    except OSError: pass
print(size)'`;

/** The most entries that the attack adds: the kernel removes those without an answer after seconds. */
async function attackWith(run: (script: string) => Promise<string>) {
  const before = entries();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, entries());
  }, SAMPLE_EVERY_MS);
  const tried = await run(ATTACK).finally(() => clearInterval(sampling));
  const added = Math.max(peak, entries()) - before;
  return heldIf(added < MAX_ADDED, `${tried} addresses tried, ${added} entries added`);
}

const attack = ({ attacker }: Scene) => attackWith((script) => attacker.runScript(script));

/** The same from a bridge with the size that the engine chooses. */
async function attackOnLargeBridge(scene: Scene) {
  const docker = new Docker();
  const Name = `devenv-${scene.devenv.instance}-large`;
  const network = await docker.createNetwork({
    Name,
    Labels: { 'devenv.instance': scene.devenv.instance },
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.234.0.0/16' }] },
  });
  const run = await scene.containerLikeAttacker({ NetworkMode: Name });
  const result = await attackWith(run);
  await scene.removeContainers();
  await network.remove();
  return result;
}

export const probe: Probe = {
  name: 'exhaust-neighbors',
  attack: "a student sends packets to every address of the students' network",
  runs: 'by-hand',
  knownGap: null,
  run: attack,
  runUnprotected: attackOnLargeBridge,
};
