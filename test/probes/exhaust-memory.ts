/** More memory than an environment may have; bounded, unlike a leak. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

/** The container's limit, and what the attack allocates. Small, because other tests run beside it. */
const LIMIT_BYTES = 96 * 2 ** 20;
const ALLOCATED_BYTES = 200 * 2 ** 20;

async function attack(scene: Scene, limit: number) {
  const run = await scene.containerLikeAttacker({ Memory: limit, MemorySwap: limit });
  const answer = await run(`python3 -c 'b"x" * ${ALLOCATED_BYTES}; print("all")' 2>/dev/null || echo none`);
  const isAllocated = answer.split('\n').at(-1) === 'all';
  const where = limit === 0 ? 'without a limit' : `at a limit of ${limit / 2 ** 20} MB`;
  return heldIf(!isAllocated, `${isAllocated ? ALLOCATED_BYTES / 2 ** 20 : 0} MB allocated ${where}`);
}

export const probe: Probe = {
  name: 'exhaust-memory',
  attack: 'a student allocates more memory than the limit allows',
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene, LIMIT_BYTES),
  runUnprotected: (scene) => attack(scene, 0),
};
