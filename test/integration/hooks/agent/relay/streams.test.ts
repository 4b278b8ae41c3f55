/** Uploads, downloads and events are streamed; if one side disconnects, so does the other. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import type { Writable } from 'node:stream';
import { VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
});

afterEach(() => rig.close());

test('100 MB up and 100 MB down pass through', async () => {
  const size = 100 * 2 ** 20;
  const chunk = Buffer.alloc(2 ** 20, 'x');
  await rig.serve(async (incoming, response) => {
    let received = 0;
    for await (const part of incoming) received += (part as Buffer).length;
    response.setHeader('x-received', received);
    for (let sent = 0; sent < size; sent += chunk.length) {
      if (!response.write(chunk)) await once(response, 'drain');
    }
    response.end();
  });
  const outgoing = request({
    port: rig.port,
    host: '127.0.0.1',
    path: '/',
    method: 'POST',
    headers: { host: rig.host },
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
});

/** Writes until the other side has stopped reading for a while; returns how many bytes were accepted. */
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

test('nothing is buffered in memory: a stalled reader stops the writer, in both directions', async () => {
  let fill: (taken: number) => void = () => {};
  const down = new Promise<number>((resolve) => {
    fill = resolve;
  });
  await rig.serve(async (incoming, response) => {
    if (incoming.method === 'POST') return;
    fill(await writeUntilFull(response));
  });
  const options = { port: rig.port, host: '127.0.0.1', headers: { host: rig.host } };
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
});

test('server-sent events arrive one by one', async () => {
  let push: (text: string) => void = () => {};
  await rig.serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    push = (text) => response.write(`data: ${text}\n\n`);
  });
  const outgoing = request({ port: rig.port, host: '127.0.0.1', headers: { host: rig.host } });
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

test('a visitor who still waits for a response when the route closes gets a page on a connection that then closes', async () => {
  let asked = 0;
  await rig.serve(() => {
    asked += 1;
  });
  const agent = new Agent({ keepAlive: true });
  const visits = [rig.visit('/', { agent }), rig.visit('/', { method: 'POST', body: 'x' })];
  await waitFor('the requests', () => asked === visits.length);
  await rig.publish();
  for (const { status, headers, body } of await Promise.all(visits)) {
    expect([status, headers.connection]).toEqual([404, 'close']);
    expect(body).toContain('Nothing here');
  }
  agent.destroy();

  // Of pipelined requests, no later one may keep an earlier one running.
  await rig.publish(rig.route());
  const socket = connect(rig.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: alice.test\r\n\r\n'.repeat(2));
  await waitFor('the requests', () => asked === visits.length + 2);
  const end = once(socket, 'close');
  await rig.publish();
  await end;
});

test('an interrupted response is interrupted for the visitor too; the next request is answered', async () => {
  let breakOff = () => {};
  await rig.serve((incoming, response) => {
    if (incoming.url === '/whole') return void response.end('whole');
    response.writeHead(200, { 'content-length': 1000 }).write('half');
    breakOff = () => void response.destroy();
  });
  const outgoing = request({ port: rig.port, host: '127.0.0.1', path: '/half', headers: { host: rig.host } });
  const [answer] = await once(outgoing.end(), 'response');
  await once(answer, 'data');
  const end = once(answer.resume(), 'end');
  breakOff();
  await expect(end).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  expect((await rig.visit('/whole')).body).toBe('whole');
});

test('a visitor who disconnects during an upload does not harm the service', async () => {
  const uploads: IncomingMessage[] = [];
  await rig.serve((incoming, response) => {
    if (incoming.method === 'GET') return void response.end('fine');
    incoming.on('error', () => {});
    incoming.once('data', () => uploads.push(incoming));
  });
  const outgoing = request({
    port: rig.port,
    host: '127.0.0.1',
    method: 'POST',
    headers: { host: rig.host, 'content-length': 1e6 },
  });
  outgoing.on('error', () => {});
  outgoing.write('a part');
  const upload = await waitFor('the service to get the part', () => uploads[0]);
  outgoing.destroy();
  await waitFor('the service to notice', () => upload.closed);
  expect((await rig.visit()).body).toBe('fine');
});

test('a slow visitor gets every byte that a service sent before it closed', async () => {
  const size = 20 * 2 ** 20;
  await rig.serveRaw((socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.end(Buffer.alloc(size, 'x'));
  });
  const visitor = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true });
  visitor.write('GET / HTTP/1.1\r\nHost: alice.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  let received = 0;
  for await (const part of visitor) {
    received += part.length;
    // Slow enough that every buffer is full when the service closes.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(received).toBeGreaterThan(size);
});
