/** Load that real visitors and rude ones make, on the relay with the agent's own limits of memory. */
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { browse } from '../../support/browse.ts';
import { RelayProcess } from '../../support/relay-process.ts';
import { portOf } from '../../support/visitors-way.ts';
import { waitFor } from '../../support/wait.ts';

const MB = 2 ** 20;
const host = 'alice.test';
let service: Server;
let relay: RelayProcess;

beforeAll(async () => {
  const block = Buffer.alloc(MB, 'x');
  service = createServer({ maxHeaderSize: 256 * 1024 }, async (incoming, response) => {
    incoming.on('error', () => {});
    response.on('error', () => {});
    switch (incoming.url) {
      case '/large':
        for (let sent = 0; sent < 32 && !response.destroyed; sent += 1) {
          if (!response.write(block)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
        }
        return void response.end();
      case '/half':
        response.writeHead(200, { 'content-length': 1000 }).write('half');
        return void setTimeout(() => response.destroy(), 5);
      default:
        incoming.resume().once('end', () => response.end('fine'));
    }
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  new WebSocketServer({ server: service }).on('connection', (socket) => {
    socket.on('message', (message) => socket.send(message));
  });
  relay = await RelayProcess.start(portOf(service));
});

afterAll(async () => {
  await relay.stop();
  service.closeAllConnections();
  service.close();
});

const visit = (path: string, headers = {}) => browse({ port: relay.port, host, path, headers });
const many = <Made>(count: number, make: (index: number) => Promise<Made>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

async function openSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${relay.port}/`, { headers: { host } });
  await once(socket, 'open');
  return socket;
}

async function sockets(count: number): Promise<void> {
  const open: WebSocket[] = [];
  while (open.length < count) open.push(...(await many(100, openSocket)));
  await Promise.all(
    open.map(async (socket, index) => {
      socket.send(`hello ${index}`);
      const [message] = await once(socket, 'message');
      expect(String(message)).toBe(`hello ${index}`);
    }),
  );
  // Every other one breaks off without a word.
  await Promise.all(
    open.map(async (socket, index) => {
      const closed = once(socket, 'close');
      if (index % 2 === 0) socket.terminate();
      else socket.close();
      await closed;
    }),
  );
}

/** A visitor who asks for 32 MB, reads nothing for a while, and goes. */
async function slowReader(): Promise<void> {
  const socket = connect(relay.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET /large HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await once(socket, 'readable');
  await new Promise((resolve) => setTimeout(resolve, 300));
  socket.destroy();
}

async function abortedUpload(): Promise<void> {
  const outgoing = request({
    port: relay.port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { host, 'content-length': 10 * MB },
  });
  outgoing.on('error', () => {});
  outgoing.write(Buffer.alloc(MB));
  await once(outgoing, 'drain');
  const closed = new Promise((resolve) => outgoing.once('close', resolve));
  outgoing.destroy();
  await closed;
}

/** One round of everything; the relay's memory after it. */
async function round(): Promise<number> {
  await sockets(1000);
  await many(40, slowReader);
  await many(40, abortedUpload);
  await many(40, () => expect(visit('/half')).rejects.toThrow());
  for (let turn = 0; turn < 10; turn += 1) {
    await many(20, () => visit('/', { 'x-large': 'a'.repeat(64 * 1024) }));
    await many(50, () => visit('/'));
  }
  expect((await visit('/')).body).toBe('fine');
  const connections = () => new Promise<number>((resolve) => service.getConnections((_, n) => resolve(n)));
  // Up to 32 are kept for the next request.
  await waitFor('what was broken off to be gone at the service too', async () => (await connections()) <= 32);
  return relay.memory();
}

test('1,000 WebSockets, slow readers, broken uploads and answers, large headers: nothing stays behind', async () => {
  const after: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) after.push(await round());
  const [, , third = 0, fourth = 0] = after;
  console.log(`memory after each round, MB: ${after.map((bytes) => (bytes / MB).toFixed(1)).join(', ')}`);
  expect(Math.abs(fourth - third)).toBeLessThan(2 * MB);
}, 240_000);

test('all of it at once stays within the limits of the agent', async () => {
  const open: WebSocket[] = [];
  while (open.length < 1000) open.push(...(await many(100, openSocket)));
  const idle = relay.privateDirty();
  await Promise.all([many(100, slowReader), many(40, abortedUpload), visit('/large')]);
  console.log(
    `private dirty with 1,000 WebSockets: ${(idle / MB).toFixed(1)} MB, with 100 slow readers: ${(relay.privateDirty() / MB).toFixed(1)} MB`,
  );
  expect(relay.isAlive).toBe(true);
  expect(open.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true);
  for (const socket of open) socket.terminate();
  // All of it goes back to the kernel, not to a heap of the agent's own: what that was before is this run's measure.
  await waitFor(
    'the memory to be given back',
    async () => {
      await relay.memory();
      return relay.privateDirty() < idle + 8 * MB;
    },
    { timeoutMs: 20_000, seen: () => `${(relay.privateDirty() / MB).toFixed(1)} MB` },
  );
}, 120_000);
