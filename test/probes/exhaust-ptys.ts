/** Pseudo-terminals are limited for the whole host: kernel.pty.max minus kernel.pty.reserve. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { waitFor } from '../support/wait.ts';

/** Above the kernel's default; bounded, so that the attack ends on hosts with a higher one. */
const MAX_TAKEN = 5000;

const TAKE = `python3 -c '
import os, time
taken = 0; kept = []
try:
    while taken < ${MAX_TAKEN}: kept.append(os.openpty()); taken += 1
except OSError: pass
with open("/tmp/counted", "w") as file: print(taken, file=file)
os.replace("/tmp/counted", "/tmp/taken"); time.sleep(600)'`;

/** How many the attack took, once it has taken all that it can. */
const takenBy = (attacker: Scene['attacker']) =>
  waitFor('the terminals', async () => (await attacker.runScript('cat /tmp/taken 2>/dev/null || :')) || null);

async function attack({ attacker, other }: Scene) {
  await attacker.runScript(`(${TAKE}) >/dev/null 2>&1 &`);
  const taken = await takenBy(attacker);
  try {
    const answer = await other.runScript(
      `python3 -c 'import os; os.openpty(); print("opened")' 2>/dev/null || echo refused`,
    );
    return heldIf(answer === 'opened', `${taken} taken, the other student's: ${answer}`);
  } finally {
    await attacker.runScript('pkill -KILL python3');
  }
}

export const probe: Probe = {
  name: 'exhaust-ptys',
  attack: 'a student opens pseudo-terminals until the kernel refuses more; another student opens a terminal',
  runs: 'by-hand',
  knownGap: 'the limit belongs to the host; Docker has none for each container',
  run: attack,
  runUnprotected: null,
};
