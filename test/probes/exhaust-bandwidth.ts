/** Each student may send and receive a limited number of bytes per second. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { ALLOWED_ADDRESS, SCENE_BANDWIDTH_BYTES, type Scene } from '../support/probes/scene.ts';

/** Bounds the attack, together with the number of bytes. */
const SECONDS = 2;
const MAX_BYTES = 256 * 2 ** 20;

/** The limit with its burst of two seconds, and as much again for what curl counts and the network still has. */
const MAX_HELD_BYTES = SCENE_BANDWIDTH_BYTES * (2 + SECONDS) * 2;

const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

async function attack({ attacker }: Scene) {
  const curl = `curl -s -m ${SECONDS} --noproxy '*' http://${ALLOWED_ADDRESS}:8000`;
  const bytesOf = async (script: string) => Number(await attacker.runScript(`${script} || :`));
  const sent = await bytesOf(
    `head -c ${MAX_BYTES} /dev/zero | ${curl}/ -T - -o /dev/null -w '%{size_upload}'`,
  );
  const received = await bytesOf(`${curl}/endless | head -c ${MAX_BYTES} | wc -c`);
  const isHeld = sent > 0 && received > 0 && Math.max(sent, received) < MAX_HELD_BYTES;
  const figures = `${megabytes(sent)} MB sent and ${megabytes(received)} MB received, each in ${SECONDS} s`;
  return heldIf(isHeld, figures);
}

export const probe: Probe = {
  name: 'exhaust-bandwidth',
  attack: 'a student sends and receives as fast as they can',
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: (scene) => scene.withoutTrafficLimits(() => attack(scene)),
};
