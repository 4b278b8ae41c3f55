/** Slow uploads that are meant to use up the files of the engine's port proxy, which then exits for good. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { freePort } from '../support/free-port.ts';
import { openFilesOf, portProxyOf } from '../support/port-proxy.ts';
import { heldIf, type Probe } from '../support/probes/probe.ts';
import type { Scene } from '../support/probes/scene.ts';
import { $ } from '../support/shell.ts';
import { waitFor, watchFor } from '../support/wait.ts';

const UPLOADS = 4090;
/** That many begin at once. */
const BATCH = 10;
/** The limit with which the attack was found; the proxy inherits it from the engine. */
const PROXY_FILES = 20_000;
/** Within this time the orchestrator checks each live link once, and reports the result. */
const RECHECK_MS = 30_000;

/** Sends the head of an upload and one byte of its body. */
function slowUpload(port: number, host: string): Socket {
  const socket = connect(port, '127.0.0.1').resume();
  socket.on('error', () => undefined);
  socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\nx`);
  return socket;
}

/** Resolves once the connection is made, or was refused because the proxy has ended. */
const connectedOrRefused = (socket: Socket) =>
  Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);

/**
 * Uploads to a port of the host as the connector does it, past the local edge's own limit. Resolves to the most files
 * that the proxy had, and whether it still runs after `during`.
 */
async function flood(port: number, host: string, during: () => Promise<void>) {
  const proxy = portProxyOf(port);
  if (proxy === undefined) throw new Error(`no port proxy for ${port}`);
  await $`prlimit --pid ${proxy} --nofile=${PROXY_FILES}`;
  let files = 0;
  const uploads: Socket[] = [];
  try {
    while (uploads.length < UPLOADS) {
      const batch = Array.from({ length: BATCH }, () => slowUpload(port, host));
      uploads.push(...batch);
      // A visitor's side of a connection closes when the other side does, as the connector's.
      await Promise.all(batch.map(connectedOrRefused));
      files = Math.max(files, openFilesOf(proxy));
    }
    let before = -1;
    await waitFor(
      'the proxy to have what it accepts',
      () => {
        const isStable = before === openFilesOf(proxy);
        before = openFilesOf(proxy);
        files = Math.max(files, before);
        return isStable;
      },
      { everyMs: 1000 },
    );
    await during();
    return { files, isRunning: portProxyOf(port) === proxy };
  } finally {
    for (const socket of uploads) socket.destroy();
  }
}

async function attack(scene: Scene) {
  const { devenv, other } = scene;
  await scene.serveOther();
  const status = () => devenv.json<StudentView>('status', other.name);
  const { port } = await status();
  let dead = 0;
  const { files, isRunning } = await flood(port, devenv.hostForRelay(other.name), async () => {
    await watchFor(async () => {
      if (!(await status()).link.live) dead += 1;
      return false;
    }, RECHECK_MS);
  });
  await other.secondsUntilPage((body) => body.startsWith('app of'), performance.now());
  return heldIf(
    isRunning && dead === 0,
    `${files} of ${PROXY_FILES} files, proxy ${isRunning ? 'runs' : 'ended'}, link shown as dead ${dead}×`,
  );
}

/** A server without the relay's limit, published as a relay is. */
async function attackWithoutLimit(scene: Scene) {
  const port = await freePort();
  const run = await scene.containerLikeAttacker({
    NetworkMode: 'bridge',
    PortBindings: { '61080/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
  });
  await run(
    `node -e 'require("net").createServer(s => s.on("error", () => 0).write("up")).listen(61080)' >/dev/null 2>&1 &`,
  );
  await waitFor('the server', async () => {
    const socket = connect(port, '127.0.0.1');
    const heard = await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => []);
    socket.destroy();
    return heard.length > 0 && String(heard[0]) === 'up';
  });
  try {
    const { files, isRunning } = await flood(port, 'a.test', async () => undefined);
    return heldIf(isRunning, `${files} of ${PROXY_FILES} files, proxy ${isRunning ? 'runs' : 'ended'}`);
  } finally {
    await scene.removeContainers();
  }
}

export const probe: Probe = {
  name: 'kill-port-proxy',
  attack: `visitors begin ${UPLOADS} slow uploads at one link`,
  runs: 'by-hand',
  knownGap: null,
  run: attack,
  runUnprotected: attackWithoutLimit,
};
