/** Pseudo-terminals are limited for the whole host: kernel.pty.max minus kernel.pty.reserve. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** More than one student may have; far below the kernel's default limit of the host, which other tests use too. */
const TRIED = 500;
const MAX_HELD = 100;

const TAKE = `python3 -c '
import os
kept = []
try:
    for _ in range(${TRIED}): kept.append(os.openpty())
except OSError: pass
print(len(kept))'`;

async function attack(run: (script: string) => Promise<string>) {
  const taken = Number(await run(TAKE));
  return heldIf(taken > 0 && taken < MAX_HELD, `${taken} of ${TRIED} opened`);
}

export const probe: Probe = {
  name: 'exhaust-ptys',
  attack: 'a student opens pseudo-terminals until the kernel refuses more',
  runs: 'ci',
  knownGap: null,
  run: ({ attacker }) => attack((script) => attacker.runScript(script)),
  // With the file system that the engine mounts by default.
  runUnprotected: async (scene: Scene) => attack(await scene.containerLikeAttacker()),
};
