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

/** How many the attack took, once it has taken all that it can. */
const takenBy = (attacker: Scene['attacker']) =>
  waitFor('the instances', async () => (await attacker.runScript('cat /tmp/taken 2>/dev/null || :')) || null);

async function attack({ attacker, other }: Scene) {
  await attacker.runScript(`(${TAKE}) >/dev/null 2>&1 &`);
  const taken = await takenBy(attacker);
  try {
    const answer = await other.runScript(
      `node -e 'require("fs").watch("."); console.log("watched"); process.exit()' 2>&1 | grep -oE 'watched|EMFILE' | head -n 1`,
    );
    return heldIf(answer === 'watched', `${taken} instances taken, the other student: ${answer}`);
  } finally {
    await attacker.runScript('pkill -KILL python3');
  }
}

export const probe: Probe = {
  name: 'exhaust-inotify',
  attack:
    'a student creates inotify instances until the kernel refuses more; another student starts a file watcher',
  runs: 'by-hand',
  knownGap: 'all students have the same uid',
  run: attack,
  runUnprotected: null,
};
