/** The whole way of a visitor: local edge, relay, service; real sockets, everything streamed. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, request, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pino } from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import { type Relay, startRelay } from '../../../hooks/agent/relay/index.ts';
import type { Service } from '../../../orchestrator/agents/protocol.ts';
import type { Route } from '../../../orchestrator/edges/edge.ts';
import { createLocalEdge, type LocalEdge } from '../../../orchestrator/edges/local/index.ts';
import { browse, type Visit } from '../../support/browse.ts';
import { waitFor } from '../../support/wait.ts';

const log = pino({ level: 'silent' });
let edge: LocalEdge;
let relay: Relay;
let service: Service | null = null;
let servers: Server[] = [];

const host = () => `alice.test:${edge.address().port}`;
const visit = (path = '/', more: Partial<Visit> = {}) =>
  browse({ port: edge.address().port, host: host(), path, ...more });

async function publish(...routes: Route[]): Promise<void> {
  await edge.publish({ take: () => ({ routes, holders: [] }), signal: new AbortController().signal });
}
const route = (): Route => ({
  student: 'alice',
  hostname: 'alice.test',
  origin: `http://127.0.0.1:${relay.port}`,
});

/** A student's server, which the relay leads to from now on. */
async function serve(
  listener: RequestListener,
  scheme: 'http' | 'https' = 'http',
  server?: Server,
): Promise<Server> {
  const own = server ?? createServer({ maxHeaderSize: 256 * 1024 }, listener);
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  const address = own.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  service = { port: address.port, address: '127.0.0.1', scheme, because: 'PORT' };
  servers.push(own);
  return own;
}

beforeEach(async () => {
  service = null;
  relay = await startRelay({
    port: 0,
    host: '127.0.0.1',
    service: () => service,
    identity: () => ({ instance: 'test', student: 'alice', service: service?.port ?? null }),
    public: () => ({
      hostname: 'alice.test',
      url: `http://${host()}`,
      student: 'alice',
      phase: 'open',
      starting: false,
    }),
  });
  edge = createLocalEdge({ listen: '127.0.0.1:0', hostname: null, instance: 'test', log });
  await edge.start();
  await publish(route());
});

afterEach(async () => {
  await edge.stop();
  await relay.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

test('an unknown name, a closed one and no name at all get a plain 404', async () => {
  expect((await visit('/', { host: 'bob.test' })).status).toBe(404);
  await publish();
  const closed = await visit();
  expect([closed.status, closed.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
  expect((await visit('/', { host: '<script>alert(1)</script>' })).body).not.toContain('<script>');
  const socket = connect(edge.address().port, '127.0.0.1');
  socket.write('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1.1 404/);
});

test.each(['ALICE.test', 'alice.test.', 'alice.test:9999'])('%s is the same name', async (name) => {
  expect((await visit('/', { host: name })).status).toBe(503);
});

test("confirmed live: the reserved path tells whose it is, and never reaches the student's program", async () => {
  let asked = 0;
  await serve((_request, response) => {
    asked += 1;
    response.end();
  });
  expect(await edge.confirm(route(), AbortSignal.timeout(5000))).toEqual({ live: true });
  const other = await edge.confirm({ ...route(), student: 'bob' }, AbortSignal.timeout(300));
  expect(other).toMatchObject({ live: false, problem: { what: expect.stringContaining('another student') } });
  expect(asked).toBe(0);
});

test('while nothing listens: a light page of its own, JSON for programs, nothing about the host', async () => {
  const page = await visit();
  expect([page.status, page.headers['retry-after'], page.headers['cache-control']]).toEqual([
    503,
    '2',
    'no-store',
  ]);
  expect(page.body).toContain('alice');
  expect(page.body.length).toBeLessThan(4096);
  expect(page.body).not.toMatch(/https?:\/\//);
  const json = await visit('/', { headers: { accept: 'application/json' } });
  expect(JSON.parse(json.body)).toEqual({
    error: 'nothing is listening',
    student: 'alice',
    phase: 'open',
    starting: false,
  });
});

test('100 MB up and 100 MB down pass through', async () => {
  const size = 100 * 2 ** 20;
  const chunk = Buffer.alloc(2 ** 20, 'x');
  await serve(async (incoming, response) => {
    let received = 0;
    for await (const part of incoming) received += (part as Buffer).length;
    response.setHeader('x-received', received);
    for (let sent = 0; sent < size; sent += chunk.length) {
      if (!response.write(chunk)) await once(response, 'drain');
    }
    response.end();
  });
  const outgoing = request({
    port: edge.address().port,
    host: '127.0.0.1',
    path: '/',
    method: 'POST',
    headers: { host: host() },
  });
  const answered = once(outgoing, 'response');
  for (let sent = 0; sent < size; sent += chunk.length) {
    if (!outgoing.write(chunk)) await once(outgoing, 'drain');
  }
  outgoing.end();
  const [answer] = await answered;
  expect(answer.headers['x-received']).toBe(String(size));
  let received = 0;
  for await (const part of answer) received += part.length;
  expect(received).toBe(size);
}, 60_000);

/** Writes until nobody takes any more for a while; how much was taken by then. */
async function writeUntilFull(stream: Writable): Promise<number> {
  const chunk = Buffer.alloc(65_536, 'x');
  let taken = 0;
  for (;;) {
    taken += chunk.length;
    if (stream.write(chunk)) continue;
    const drained = once(stream, 'drain').then(() => true);
    if (!(await Promise.race([drained, new Promise((resolve) => setTimeout(() => resolve(false), 500))])))
      return taken;
  }
}

test('nothing is held back in memory: a reader that does not read stops the writer, both ways', async () => {
  let fill: (taken: number) => void = () => {};
  const down = new Promise<number>((resolve) => {
    fill = resolve;
  });
  await serve(async (incoming, response) => {
    if (incoming.method === 'POST') return;
    fill(await writeUntilFull(response));
  });
  const options = { port: edge.address().port, host: '127.0.0.1', headers: { host: host() } };
  const upload = request({ ...options, method: 'POST' });
  upload.on('error', () => {});
  expect(await writeUntilFull(upload)).toBeLessThan(32 * 2 ** 20);
  upload.destroy();
  const download = request(options);
  download.on('error', () => {});
  download.end();
  const [answer] = await once(download, 'response');
  answer.on('error', () => {});
  answer.pause();
  expect(await down).toBeLessThan(32 * 2 ** 20);
  download.destroy();
}, 30_000);

test('server-sent events arrive one by one', async () => {
  let push: (text: string) => void = () => {};
  await serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    push = (text) => response.write(`data: ${text}\n\n`);
  });
  const outgoing = request({ port: edge.address().port, host: '127.0.0.1', headers: { host: host() } });
  outgoing.end();
  const [answer] = await once(outgoing, 'response');
  let text = '';
  answer.on('data', (data: Buffer) => {
    text += data;
  });
  for (const event of ['one', 'two']) {
    push(event);
    await waitFor(event, () => text.endsWith(`data: ${event}\n\n`));
  }
  outgoing.destroy();
});

test('a WebSocket passes both ways with the own origin; a closing route ends it, and a download, at once', async () => {
  const server = await serve((_request, response) => void response.writeHead(200).write('begun'));
  new WebSocketServer({ server }).on('connection', (socket, incoming) => {
    socket.send(`${incoming.headers.host} ${incoming.headers.origin}`);
    socket.on('message', (message) => socket.send(message));
  });
  const socket = new WebSocket(`ws://127.0.0.1:${edge.address().port}/`, {
    headers: { host: host() },
    origin: `http://${host()}`,
  });
  const messages: string[] = [];
  socket.on('message', (message) => messages.push(String(message)));
  await once(socket, 'open');
  socket.send('hello');
  await waitFor('the echo', () => messages.includes('hello'));
  expect(messages[0]).toBe(`localhost:${service?.port} http://localhost:${service?.port}`);
  const download = request({ port: edge.address().port, host: '127.0.0.1', headers: { host: host() } });
  download.on('error', () => {});
  download.end();
  const [answer] = await once(download, 'response');
  answer.on('error', () => {});
  answer.resume();
  const ends = Promise.all([once(socket, 'close'), new Promise((resolve) => answer.once('close', resolve))]);
  await publish();
  await ends;
});

test('a service that refuses an upgrade is heard; none at all is a 503', async () => {
  const dial = () => {
    const socket = new WebSocket(`ws://127.0.0.1:${edge.address().port}/`, { headers: { host: host() } });
    return new Promise((resolve) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.once('error', () => resolve('error'));
    });
  };
  expect(await dial()).toBe(503);
  const server = await serve(() => {});
  server.on('upgrade', (_request, socket) =>
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'),
  );
  expect(await dial()).toBe(401);
});

test('an answer that breaks off breaks off for the visitor too; the next request is answered', async () => {
  await serve((incoming, response) => {
    if (incoming.url === '/whole') return void response.end('whole');
    response.writeHead(200, { 'content-length': 1000 });
    response.write('half');
    setTimeout(() => response.destroy(), 20);
  });
  await expect(visit('/half')).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  expect((await visit('/whole')).body).toBe('whole');
});

test('a visitor who goes away in the middle of an upload leaves the service unharmed', async () => {
  let ended: Promise<unknown> = Promise.resolve();
  await serve((incoming, response) => {
    if (incoming.method === 'GET') return void response.end('fine');
    ended = new Promise((resolve) => incoming.once('close', resolve));
    incoming.on('error', () => {});
    incoming.resume();
  });
  const outgoing = request({
    port: edge.address().port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { host: host(), 'content-length': 1e6 },
  });
  outgoing.on('error', () => {});
  outgoing.write('a part');
  await new Promise((resolve) => setTimeout(resolve, 100));
  outgoing.destroy();
  await waitFor('the service to notice', async () =>
    Promise.race([ended.then(() => true), new Promise((r) => setTimeout(r, 10))]),
  );
  expect((await visit()).body).toBe('fine');
});

test('headers of 64 KB pass; more than is sane gets a clean answer', async () => {
  await serve((incoming, response) => void response.end(String(String(incoming.headers['x-large']).length)));
  expect((await visit('/', { headers: { 'x-large': 'a'.repeat(64 * 1024) } })).body).toBe(String(64 * 1024));
  expect((await visit('/', { headers: { 'x-large': 'a'.repeat(200 * 1024) } })).status).toBe(431);
});

test('an HTTPS server with a certificate of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-tls-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
    ],
    { stdio: 'ignore' },
  );
  const server = createSecureServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (incoming, response) => response.end(`${incoming.headers.host} ${incoming.headers.origin}`),
  );
  rmSync(folder, { recursive: true });
  await serve(() => {}, 'https', server as unknown as Server);
  const { body } = await visit('/', { headers: { origin: `http://${host()}` } });
  expect(body).toBe(`localhost:${service?.port} https://localhost:${service?.port}`);
});

test("a name that is not the student's gets nothing from the relay, though it leads there", async () => {
  await serve((_request, response) => response.end('secret'));
  const rebound = await browse({ port: relay.port, host: 'evil.example' });
  expect([rebound.status, rebound.body]).toEqual([421, 'evil.example does not lead here.\n']);
  expect((await browse({ port: relay.port, host: 'localhost' })).body).toBe('secret');
});

test("who listens on the edge's address already is named, with what to do", async () => {
  const second = createLocalEdge({
    listen: `127.0.0.1:${edge.address().port}`,
    hostname: null,
    instance: 'test',
    log,
  });
  await expect(second.start()).rejects.toMatchObject({
    code: 'edge',
    next: expect.stringContaining('DEVENV_LISTEN'),
  });
});

test('300 WebSockets at once, and all of them end with the route', async () => {
  const server = await serve(() => {});
  new WebSocketServer({ server }).on('connection', (socket) => socket.send('hi'));
  const sockets = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${edge.address().port}/`, { headers: { host: host() } });
      await once(socket, 'message');
      return socket;
    }),
  );
  const ends = Promise.all(sockets.map((socket) => once(socket, 'close')));
  await publish();
  await ends;
}, 30_000);
