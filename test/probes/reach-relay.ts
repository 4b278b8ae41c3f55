/** Another user of the host, who connects to the port of a student's relay, past the edge. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { heldIf, type Probe, type ProbeResult } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { RelayProcess } from '../support/relay-process.ts';
import { $ } from '../support/shell.ts';
import { portOf } from '../support/visitor-rig.ts';
import { waitFor } from '../support/wait.ts';

const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];
const CURL = ['curl', '-s', '-m', '10', '--noproxy', '*', '-o', '/dev/null', '-w', '%{http_code}'];

/** The statuses that the user `nobody` gets under local names, the link's name, and with a guessed key. */
async function statusesFor(port: number, hostname: string): Promise<string[]> {
  const hosts = ['localhost', `127.0.0.1:${port}`, '[::1]', '', hostname, `${'a'.repeat(32)}.${hostname}`];
  const asked = hosts.map(async (host) => {
    const { stdout } =
      await $`setpriv ${NOBODY} ${CURL} -H ${`Host: ${host}`} http://127.0.0.1:${port}/`.nothrow();
    return stdout;
  });
  return Promise.all(asked);
}

function resultOf(statuses: readonly string[]): ProbeResult {
  const answered = statuses.filter((status) => status !== '403').length;
  return heldIf(answered === 0, `${answered} of ${statuses.length} requests answered`);
}

/** Against a link that is open, and again when it is closed while the student's server still runs. */
async function attack({ devenv, attacker: student }: Scene): Promise<ProbeResult> {
  const hostname = devenv.hostname(student.name);
  const terminal = await student.openTerminal();
  try {
    terminal.type('cd ~/app; npm run dev\r');
    await student.secondsUntilPage((body) => body.startsWith('app of'), performance.now());
    const { port } = await devenv.json<StudentView>('status', student.name);
    const open = await statusesFor(port, hostname);
    await devenv.succeed('close', student.name);
    await waitFor('the link to be closed', async () => (await student.visitStatus()) === 404);
    return resultOf([...open, ...(await statusesFor(port, hostname))]);
  } finally {
    terminal.type('\x03exit\r');
    await terminal.ended;
  }
}

/** A relay that takes every request for one from inside. */
async function attackUncheckedRelay(): Promise<ProbeResult> {
  const service = createServer((_request, response) => response.end('app')).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const relay = await RelayProcess.start(portOf(service), 'alice');
  try {
    return resultOf(await statusesFor(relay.port, 'alice.test'));
  } finally {
    await relay.stop();
    service.close();
    service.closeAllConnections();
  }
}

export const probe: Probe = {
  name: 'reach-relay',
  attack: "another user of the host asks a relay's port for the student's app, with the link open and closed",
  runs: 'ci',
  knownGap: null,
  run: attack,
  runUnprotected: attackUncheckedRelay,
};
