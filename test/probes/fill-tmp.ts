/** Every folder outside the home that a student can write to. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** More than any such folder may have: a quarter of limits.memory. Only reserved, so it takes no time. */
const FILE_BYTES = 2 ** 30;

/** Reserves the space in every writable folder, prints those where it succeeded, and removes the files. */
const FILL = `
  find / -xdev -type d -writable ! -path '/home/*' ! -path '/proc/*' 2>/dev/null >/tmp/folders
  for folder in $(cat /tmp/folders) /tmp /var/tmp /dev/shm /run /run/devenv; do
    fallocate -l ${FILE_BYTES} $folder/filled 2>/dev/null && echo $folder; rm -f $folder/filled
  done | sort -u | tr '\\n' ' '`;

async function attack(run: (script: string) => Promise<string>) {
  const filled = await run(FILL);
  return heldIf(filled === '', filled === '' ? 'no folder took 1 GB' : `1 GB in ${filled}`);
}

export const probe: Probe = {
  name: 'fill-tmp',
  attack: 'a student fills every writable folder outside the home',
  runs: 'ci',
  knownGap: null,
  run: ({ attacker }: Scene) => attack((script) => attacker.runScript(script)),
  runUnprotected: async (scene: Scene) =>
    attack(await scene.containerLikeAttacker({ ReadonlyRootfs: false, Tmpfs: {} })),
};
