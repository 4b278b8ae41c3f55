/** The kernel limits inotify instances per uid: 128 by default. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { waitFor } from '../support/wait.ts';

/** Enough to reach the kernel's default limit; bounded, so that the attack ends on hosts with a higher one. */
const MAX_TAKEN = 2000;

const TAKE = `python3 -c '
import ctypes, os, time
libc = ctypes.CDLL(None); taken = 0
while taken < ${MAX_TAKEN} and libc.inotify_init1(0) >= 0: taken += 1
with open("/tmp/counted", "w") as file: print(taken, file=file)
os.replace("/tmp/counted", "/tmp/taken"); time.sleep(600)'`;

type RunScript = (script: string) => Promise<string>;

async function attack(runAsAttacker: RunScript, runAsOther: RunScript) {
  await runAsAttacker(`(${TAKE}) >/dev/null 2>&1 &`);
  const taken = await waitFor(
    'the instances',
    async () => (await runAsAttacker('cat /tmp/taken 2>/dev/null || :')) || null,
  );
  try {
    const answer = await runAsOther(
      `node -e 'require("fs").watch("/tmp"); console.log("watched"); process.exit()' 2>&1 | grep -oE 'watched|EMFILE' | head -n 1`,
    );
    return heldIf(answer === 'watched', `${taken} instances taken, the other student: ${answer}`);
  } finally {
    await runAsAttacker('pkill -KILL python3; rm -f /tmp/taken');
  }
}

/** Both containers have the attacker's uid, so that no other student and no account of the host is affected. */
async function attackWithOneUid(scene: Scene) {
  return attack(await scene.containerLikeAttacker(), await scene.containerLikeAttacker());
}

export const probe: Probe = {
  name: 'exhaust-inotify',
  attack:
    'a student creates inotify instances until the kernel refuses more; another student starts a file watcher',
  runs: 'ci',
  knownGap: null,
  run: ({ attacker, other }) =>
    attack(
      (script) => attacker.runScript(script),
      (script) => other.runScript(script),
    ),
  runUnprotected: attackWithOneUid,
};
