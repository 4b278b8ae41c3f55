/** Reads and writes that reach the disk are limited for each student, by number and by size. */
import { whileOtherIsVisited } from '../support/probes/other-visitors.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

const SECONDS = 4;
/** Bounds the attack. */
const WRITERS = 4;
const MAX_WRITES = 10_000;
/** `limits.diskOperations` by default. */
const LIMIT_PER_SECOND = 1000;

/** Writes past the page cache, then prints how many blocks of 4 KB were written. */
const attackIn = (folder: string) => `cd ${folder}; for i in $(seq ${WRITERS}); do
    timeout ${SECONDS} dd if=/dev/zero of=flood$i bs=4k count=${MAX_WRITES} oflag=direct 2>/dev/null & done; wait
  cat flood* | wc -c; rm -f flood*`;

async function attack(scene: Scene, run: (script: string) => Promise<string>, folder: string) {
  const { result, visitors } = await whileOtherIsVisited(scene, () => run(attackIn(folder)));
  const perSecond = Math.round(Number(result) / 4096 / SECONDS);
  const isHeld = perSecond > 0 && perSecond < LIMIT_PER_SECOND * 1.3;
  return heldIf(isHeld, `${perSecond} writes per second; ${visitors}`);
}

export const probe: Probe = {
  name: 'exhaust-disk-io',
  attack: "a student writes to the disk of all homes as often as it allows, past the kernel's cache",
  runs: 'by-hand',
  knownGap: null,
  run: (scene) => attack(scene, (script) => scene.attacker.runScript(script), '~'),
  async runUnprotected(scene: Scene) {
    const none = {
      BlkioDeviceReadBps: [],
      BlkioDeviceWriteBps: [],
      BlkioDeviceReadIOps: [],
      BlkioDeviceWriteIOps: [],
    };
    const run = await scene.containerLikeAttacker(
      { ...none, Mounts: [{ Type: 'volume', Source: '', Target: '/data' }] },
      '0:0',
    );
    return attack(scene, run, '/data');
  },
};
