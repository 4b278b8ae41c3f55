/** The relay under load with the agent's memory limits, and its effect on another student's visitors. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { root } from '../../../../support/installation.ts';
import { RelayProcess } from '../../../../support/relay-process.ts';
import { MB, many, startLoadedService, VisitorLoad } from '../../../../support/visitor-load.ts';
import { portOf } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

/** Visits to bob's link while alice's slow visitors stay. */
const VISITS = 30;

const processes: ChildProcess[] = [];
const relays: RelayProcess[] = [];
let service: Server;
let relay: RelayProcess;
let visitors: VisitorLoad;

beforeAll(async () => {
  service = await startLoadedService();
  relay = await RelayProcess.start(portOf(service), 'alice');
  relays.push(relay);
  visitors = new VisitorLoad(relay.port, 'alice.test');
});

afterAll(async () => {
  for (const child of processes) child.disconnect();
  for (const each of relays) await each.stop();
  service.closeAllConnections();
  service.close();
});

async function sockets(count: number): Promise<void> {
  const open = await visitors.openSockets(count);
  await Promise.all(
    open.map(async (socket, index) => {
      socket.send(`hello ${index}`);
      const [message] = await once(socket, 'message');
      expect(String(message)).toBe(`hello ${index}`);
    }),
  );
  // Every other one is aborted without a close frame.
  await Promise.all(
    open.map(async (socket, index) => {
      const closed = once(socket, 'close');
      if (index % 2 === 0) socket.terminate();
      else socket.close();
      await closed;
    }),
  );
}

/** One round of every kind of load; returns the relay's memory after it. */
async function round(): Promise<number> {
  await sockets(1000);
  await many(40, () => visitors.readSlowly());
  await many(40, () => visitors.abortUpload());
  await many(40, () => expect(visitors.visit('/half')).rejects.toThrow());
  for (let turn = 0; turn < 10; turn += 1) {
    await many(20, () => visitors.visit('/', { 'x-large': 'a'.repeat(64 * 1024) }));
    await many(50, () => visitors.visit('/'));
  }
  expect((await visitors.visit('/')).body).toBe('fine');
  const connections = () => new Promise<number>((resolve) => service.getConnections((_, n) => resolve(n)));
  // Up to 32 pooled connections stay open.
  await waitFor('what was broken off to be gone at the service too', async () => (await connections()) <= 32);
  return relay.memory();
}

test('1,000 WebSockets, slow readers, aborted uploads and responses, large headers: no memory leaks', async () => {
  const after: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) after.push(await round());
  const [, , third = 0, fourth = 0] = after;
  console.log(`memory after each round, MB: ${after.map((bytes) => (bytes / MB).toFixed(1)).join(', ')}`);
  expect(Math.abs(fourth - third)).toBeLessThan(2 * MB);
});

test('all of it at once stays within the memory limits of the agent', async () => {
  const open = await visitors.openSockets(1000);
  const idle = relay.privateDirty();
  await Promise.all([
    many(100, () => visitors.readSlowly()),
    many(40, () => visitors.abortUpload()),
    visitors.visit('/large'),
  ]);
  console.log(
    `private dirty with 1,000 WebSockets: ${(idle / MB).toFixed(1)} MB, with 100 slow readers: ${(relay.privateDirty() / MB).toFixed(1)} MB`,
  );
  expect(relay.isAlive).toBe(true);
  expect(open.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true);
  for (const socket of open) socket.terminate();
  // The memory returns to the kernel, not to the agent's heap. The amount before is this run's baseline.
  await waitFor(
    'the memory to be given back',
    async () => {
      await relay.memory();
      return relay.privateDirty() < idle + 8 * MB;
    },
    { lastSeen: () => `${(relay.privateDirty() / MB).toFixed(1)} MB` },
  );
});

/** Starts a process; returns it and its first message. */
async function begin(file: string, ...args: string[]): Promise<[ChildProcess, number]> {
  const child = fork(join(root, 'test/support', file), args);
  processes.push(child);
  const [port] = await once(child, 'message');
  return [child, port];
}

test("1,000 WebSockets, slow readers and aborted uploads at one student do not slow another's visitors", async () => {
  const [load, loadedPort] = await begin('visitor-load-main.ts');
  const loadedRelay = await RelayProcess.start(loadedPort, 'alice');
  const bobs = await RelayProcess.start(portOf(service), 'bob');
  relays.push(loadedRelay, bobs);
  const [, edgePort] = await begin('local-edge-main.ts', `alice=${loadedRelay.port}`, `bob=${bobs.port}`);
  const bob = new VisitorLoad(edgePort, 'bob.test');
  const [chat] = await bob.openSockets(1);
  if (chat === undefined) throw new Error('no socket');
  const loaded = once(load, 'message');
  load.send(edgePort);
  await loaded;
  // Alice's visitors stay until they are told to go: a visit that had to wait for one of them would never be answered.
  const times: number[] = [];
  for (let visit = 0; visit < VISITS; visit += 1) {
    const asked = performance.now();
    const heard = once(chat, 'message');
    chat.send(`${visit}`);
    const [{ body }, [echo]] = await Promise.all([bob.visit(), heard]);
    expect([body, String(echo)]).toEqual(['fine', `${visit}`]);
    times.push(performance.now() - asked);
  }
  const ended = once(load, 'message');
  load.send('enough');
  const [stillOpen] = await ended;
  chat.terminate();
  console.log(`${VISITS} visits, the slowest in ${Math.max(...times).toFixed(0)} ms`);
  expect(stillOpen).toBe(1000);
});
