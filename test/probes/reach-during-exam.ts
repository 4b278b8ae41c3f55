/** Exams: `devenv egress none NAME` switches off what a student connects to, also what they have connected to before. */
import { heldIf, type Probe } from '../support/probes/probe.ts';
import { ALLOWED_ADDRESS, type Scene } from '../support/probes/scene.ts';
import { waitFor } from '../support/wait.ts';

/** Connects before the exam. Once /tmp/exam exists, uses that connection, opens another one, and prints which answer. */
const ATTACK = `python3 -c '
import os, socket, time
target = ("${ALLOWED_ADDRESS}", 8000)
def answers(connection):
    try:
        connection = connection or socket.create_connection(target, 4)
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        return b"reached" in connection.makefile("rb").read()
    except OSError: return False
open_one = socket.create_connection(target, 4); open("/tmp/connected", "w").close()
while not os.path.exists("/tmp/exam"): time.sleep(0.05)
print([answers(open_one), answers(None)].count(True))'`;

async function attack({ attacker, devenv }: Scene, isExam: boolean) {
  await attacker.runScript('rm -f /tmp/connected /tmp/exam');
  const attempts = attacker.runScript(ATTACK);
  await waitFor('the connection', async () => (await attacker.runScript('ls /tmp/connected || :')) !== '');
  if (isExam) await devenv.succeed('egress', 'none', attacker.name);
  try {
    await attacker.runScript('touch /tmp/exam');
    const answered = await attempts;
    return heldIf(answered === '0', `${answered} of 2 connections answered`);
  } finally {
    await devenv.succeed('egress', 'internet', attacker.name);
  }
}

export const probe: Probe = {
  name: 'reach-during-exam',
  attack:
    'a student uses an open connection and opens another one while the instructor has switched off the internet',
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene, true),
  runUnprotected: (scene) => attack(scene, false),
};
