/** The local edge's process: its rights, and what visitors notice of the daemon's restarts and of its own. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../../../../orchestrator/clock.ts';
import { createLocalEdgeProcess, endLocalEdge } from '../../../../../orchestrator/edges/local/index.ts';
import { findEdge, launchEdge, uidOfNobody } from '../../../../../orchestrator/edges/local/launch.ts';
import { applyRoutes } from '../../../../support/apply-routes.ts';
import { browse } from '../../../../support/browse.ts';
import { freePort } from '../../../../support/free-port.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import { currentRun } from '../../../../support/test-run.ts';
import { portOf } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

type Edge = ReturnType<typeof createLocalEdgeProcess>;

let stateDir: string;
let port: number;
let daemons: Edge[];
/** Stands for alice's relay. */
const relay = createServer();
const sockets = new WebSocketServer({ server: relay });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
let onRequest: (request: IncomingMessage, response: ServerResponse) => void;
relay.on('request', (incoming, response) => onRequest(incoming, response));

beforeAll(async () => {
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
});
afterAll(() => relay.close());

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), `devenv-test-${currentRun}-edge-`));
  port = await freePort();
  daemons = [];
  onRequest = (_request, response) => void response.end('fine');
});

afterEach(async () => {
  for (const daemon of daemons) await daemon.stop();
  await endLocalEdge(stateDir);
  relay.closeAllConnections();
  for (const socket of sockets.clients) socket.terminate();
  rmSync(stateDir, { recursive: true, force: true });
});

/** A daemon's part of the edge, started. */
async function startDaemon(listen = `127.0.0.1:${port}`, clock = systemClock): Promise<Edge> {
  const edge = createLocalEdgeProcess({
    stateDir,
    listen,
    hostname: null,
    instance: `test-${currentRun}-edge`,
    log: pino({ level: 'silent' }),
    clock,
  });
  daemons.push(edge);
  await edge.start();
  return edge;
}

const alice = () => ownRoute('alice', 'alice.test', `http://127.0.0.1:${portOf(relay)}`);
const visit = (at = port) => browse({ port: at, host: 'alice.test' });
const statusOf = () =>
  visit().then(
    ({ status }) => status,
    () => null,
  );
const socketPath = () => join(stateDir, 'edge.sock');

function edgePid(): number {
  const [pid, ...others] = findEdge(socketPath());
  if (pid === undefined || others.length > 0) throw new Error(`not one edge: ${[pid, ...others]}`);
  return pid;
}

async function webSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { host: 'alice.test' } });
  await once(socket, 'open');
  return socket;
}

async function echo(socket: WebSocket, text: string): Promise<string> {
  socket.send(text);
  const [answer] = await once(socket, 'message');
  return String(answer);
}

test('the process has no rights: not root, no groups, nothing of the daemon’s files, environment and sockets', async () => {
  const daemon = await startDaemon();
  await applyRoutes(daemon, [alice()]);
  expect((await visit()).body).toBe('fine');
  const uid = await uidOfNobody();
  if (uid === null) throw new Error('this test needs root');
  const pid = edgePid();
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  expect(status).toMatch(new RegExp(`^Uid:\\t${`${uid}\\t`.repeat(3)}${uid}$`, 'm'));
  expect(status).toMatch(new RegExp(`^Gid:\\t${`${uid}\\t`.repeat(3)}${uid}$`, 'm'));
  expect(status).toMatch(/^Groups:\s*$/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^CapPrm:\t0+$/m);
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toMatch(/^DEVENV_INSTANCE=[^\0]*\0?$/);
  const files = readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => Number(fd) > 2)
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/[:[].*/, ''));
  // Sockets and event descriptors; /dev/null for closed ones. Pipes are Node's own and have both ends here.
  expect(new Set(files).difference(new Set(['socket', 'anon_inode', 'pipe', '/dev/null']))).toEqual(
    new Set(),
  );

  mkdirSync(join(stateDir, 'agents'));
  const api = createTcpServer().listen(join(stateDir, 'api.sock'));
  await once(api, 'listening');
  for (const path of [join(stateDir, 'api.sock'), socketPath(), '/var/run/docker.sock']) {
    const script = `require('net').connect(${JSON.stringify(path)}, () => console.log('connected')).on('error', (e) => { console.log(e.code); process.exit(0) })`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], { uid, gid: uid, cwd: '/', env: {} });
    expect([path, String(stdout).trim()]).toEqual([path, 'EACCES']);
  }
  api.close();
  expect(await daemon.diagnose()).toMatchObject([
    { ok: true, found: expect.stringContaining(`user ${uid}`) },
  ]);
});

test('a daemon that ends and starts again cuts no WebSocket, no download and no upload', async () => {
  let received = 0;
  const downloads: ServerResponse[] = [];
  onRequest = (incoming, response) => {
    if (incoming.method === 'GET') return void downloads.push(response.writeHead(200).on('error', () => {}));
    incoming.on('data', (data: Buffer) => {
      received += data.length;
    });
    incoming.on('end', () => response.end(String(received)));
  };
  const first = await startDaemon();
  await applyRoutes(first, [alice()]);
  const pid = edgePid();
  const socket = await webSocket();
  const upload = request({ port, host: '127.0.0.1', method: 'POST', headers: { host: 'alice.test' } });
  upload.write('a'.repeat(1000));
  const download = request({ port, host: '127.0.0.1', headers: { host: 'alice.test' } }).end();
  await waitFor('both', () => received === 1000 && downloads.length === 1);
  downloads[0]?.write('one ');
  const [incoming] = (await once(download, 'response')) as [IncomingMessage];
  let downloaded = '';
  incoming.setEncoding('utf8').on('data', (text: string) => {
    downloaded += text;
  });

  await first.stop();
  expect(await echo(socket, 'between')).toBe('echo between');
  upload.write('b'.repeat(1000));
  const second = await startDaemon();
  await applyRoutes(second, [alice()]);

  expect(edgePid()).toBe(pid);
  expect(await echo(socket, 'after')).toBe('echo after');
  upload.end('c'.repeat(1000));
  const [answer] = (await once(upload, 'response')) as [IncomingMessage];
  answer.setEncoding('utf8');
  expect(await answer.toArray()).toEqual(['3000']);
  downloads[0]?.end('two');
  await once(incoming, 'end');
  expect(downloaded).toBe('one two');
  socket.terminate();
});

test('a daemon that starts again closes the links that are no longer desired', async () => {
  const first = await startDaemon();
  await applyRoutes(first, [alice(), ownRoute('bob')]);
  const socket = await webSocket();
  const closed = once(socket, 'close');
  await first.stop();
  const second = await startDaemon();
  const run = await second.begin(
    { routes: [], registered: [] },
    { mode: 'reconcile', signal: AbortSignal.abort() },
  );
  expect(
    await run.diff({ routes: [alice(), ownRoute('bob'), ownRoute('eve')], registered: [] }),
  ).toMatchObject([{ id: 'eve', found: 'not open' }]);
  await applyRoutes(second, [ownRoute('bob')]);
  await closed;
  expect(await statusOf()).toBe(404);
});

test('an edge that is killed is started again with the same port and routes; until then the daemon says so', async () => {
  const daemon = await startDaemon();
  await applyRoutes(daemon, [alice()]);
  const pid = edgePid();
  process.kill(pid, 'SIGKILL');
  await waitFor('the problem', () => daemon.problem(), { everyMs: 1 });
  expect(daemon.problem()).toMatchObject({ code: 'edge', what: expect.stringContaining('no link answers') });
  expect(await daemon.diagnose()).toMatchObject([{ ok: false }]);
  await waitFor('the link', async () => (await statusOf()) === 200);
  expect(daemon.problem()).toBeNull();
  expect(edgePid()).not.toBe(pid);
});

/** Waits of the daemon's part take a tenth of their time. */
const fastClock = {
  ...systemClock,
  setTimer: (task: () => void, delayMs: number) => systemClock.setTimer(task, delayMs / 10),
  sleep: (delayMs: number, signal?: AbortSignal) => systemClock.sleep(delayMs / 10, signal),
};

test('an edge that hangs is replaced', async () => {
  const daemon = await startDaemon();
  await daemon.stop();
  process.kill(edgePid(), 'SIGSTOP');
  // A daemon that starts finds one that does not answer.
  const second = await startDaemon(undefined, fastClock);
  await applyRoutes(second, [alice()]);
  expect(await statusOf()).toBe(200);
  const pid = edgePid();
  process.kill(pid, 'SIGSTOP');
  await waitFor('another edge', () => findEdge(socketPath()).some((each) => each !== pid));
  await waitFor('the link', async () => (await statusOf()) === 200);
});

test('an edge with another address is replaced; `endLocalEdge` ends it, also without a daemon', async () => {
  const first = await startDaemon();
  await first.stop();
  const other = await freePort();
  const second = await startDaemon(`127.0.0.1:${other}`);
  await applyRoutes(second, [alice()]);
  expect((await visit(other)).body).toBe('fine');
  expect(await statusOf()).toBeNull();
  edgePid();
  await second.stop();
  expect(await endLocalEdge(stateDir)).toBe(true);
  expect(findEdge(socketPath())).toEqual([]);
  expect(await endLocalEdge(stateDir)).toBe(false);
});

test('an address in use fails the start, with what to do, and leaves no process', async () => {
  const other = createTcpServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  await expect(startDaemon()).rejects.toMatchObject({
    code: 'edge',
    what: expect.stringContaining(`127.0.0.1:${port}: another program listens there`),
    next: expect.stringContaining('DEVENV_LISTEN'),
  });
  expect(findEdge(socketPath())).toEqual([]);
  other.close();
});

test('an edge without a daemon ends after its time', async () => {
  const config = {
    socketPath: socketPath(),
    host: '127.0.0.1',
    port,
    build: 'x',
    user: null,
    maxConnections: 10,
    aloneMs: 100,
  };
  await launchEdge(config, `test-${currentRun}-edge`);
  await waitFor('its end', () => findEdge(socketPath()).length === 0);
});
