/** More processes than one environment may have; bounded, unlike a fork bomb. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';

const STARTED = 300;

async function attack(scene: Scene, PidsLimit?: number) {
  const run = await scene.containerLikeAttacker(PidsLimit === undefined ? {} : { PidsLimit });
  // bash retries a refused fork for seconds, so the processes are started without it.
  const code = `const { spawn } = require("child_process"); let running = 0; let left = ${STARTED}; const children = [];
    const done = () => { if (--left === 0) { console.log(running); for (const each of children) each.kill("SIGKILL"); } };
    for (let i = 0; i < ${STARTED}; i++) { const child = spawn("sleep", ["600"], { stdio: "ignore" }); children.push(child);
      child.on("spawn", () => { running += 1; done(); }).on("error", done); }`;
  const running = Number(await run(`node -e '${code}' 2>/dev/null`));
  return heldIf(running > 0 && running < STARTED, `${running} of ${STARTED} processes ran`);
}

export const probe: Probe = {
  name: 'exhaust-processes',
  attack: 'a student starts more processes than the limit allows',
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene),
  runUnprotected: (scene) => attack(scene, -1),
};
