/** A debugger of a student: a visitor who opens its WebSocket runs code as that student. */

import { heldIf, type Probe, type ProbeResult } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { statusOfUpgrade } from '../support/visitor-socket.ts';
import { waitFor } from '../support/wait.ts';

const PORTS = [9229, 10_000];
const HANDSHAKES_PER_PORT = 5;

/** Handshakes from a foreign page through the link, for which the student's terminal is open. */
async function attack({ devenv, attacker: student }: Scene, isChosen: boolean): Promise<ProbeResult> {
  const host = `${devenv.hostname(student.name)}:${devenv.edgePort}`;
  const terminal = await student.openTerminal();
  let [accepted, sent] = [0, 0];
  try {
    for (const port of PORTS) {
      terminal.type(`node --inspect=${port} -e 'setInterval(() => {}, 1000)' & disown\r`);
      const readPath = `curl -s localhost:${port}/json/list | sed -n 's,.*"webSocketDebuggerUrl": "ws://[^/]*\\(/[^"]*\\)".*,\\1,p'`;
      const path = await waitFor('the debugger', async () => student.runScript(readPath));
      await waitFor('the agent to know it', async () =>
        (await student.runScript('devenv-status')).includes(`${port} (debugger`),
      );
      if (isChosen) {
        await student.runScript(`devenv-port --yes ${port}`);
        await waitFor('the link to open', async () => ![404, 503].includes(await student.visitStatus()));
      }
      for (let turn = 0; turn < HANDSHAKES_PER_PORT; turn += 1) {
        const status = await statusOfUpgrade(devenv.edgePort, host, { path, origin: 'https://evil.example' });
        sent += 1;
        if (status === 101) accepted += 1;
      }
      await student.runScript(`devenv-port --auto; pkill -f '[i]nspect=${port}'`);
    }
  } finally {
    terminal.type('exit\r');
    await terminal.ended;
  }
  return heldIf(accepted === 0, `${accepted} of ${sent} handshakes accepted`);
}

export const probe: Probe = {
  name: 'use-debugger',
  attack: "a page on another site connects to a student's `node --inspect` through the student's link",
  runs: 'ci',
  knownGap: null,
  run: (scene) => attack(scene, false),
  // With the student's confirmed choice, which is what every debugger had before.
  runUnprotected: (scene) => attack(scene, true),
};
