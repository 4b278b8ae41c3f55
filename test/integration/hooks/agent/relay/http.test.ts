/** HTTP details through edge and relay: requests that browsers rarely send but tools do, and request smuggling. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
});

afterEach(() => rig.close());

const head = (line: string, ...headers: string[]) =>
  `${[line, 'Host: alice.test', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const part of incoming) body += part;
  return body;
}

/** A server that echoes the request: method, target, framing, body, trailers. */
async function echo(): Promise<void> {
  await rig.serve(async (incoming, response) => {
    const body = await bodyOf(incoming);
    const {
      'content-length': length = '-',
      'transfer-encoding': coding = '-',
      expect: expects = '-',
    } = incoming.headers;
    const trailer = incoming.rawTrailers.join('=') || '-';
    response.end([incoming.method, incoming.url, length, coding, expects, body || '-', trailer].join(' '));
  });
}

test.each([
  ['GET / HTTP/1.1', [], '', 'GET / - - - - -'],
  ['POST /a?b HTTP/1.1', ['Content-Length: 3'], 'abc', 'POST /a?b 3 - - abc -'],
  ['POST / HTTP/1.1', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n', 'POST / - chunked - abc -'],
  [
    'POST / HTTP/1.1',
    ['Transfer-Encoding: chunked'],
    '1\r\na\r\n0\r\nX-T: 1\r\n\r\n',
    'POST / - chunked - a X-T=1',
  ],
  ['POST / HTTP/1.1', [], '', 'POST / 0 - - - -'],
  ['DELETE / HTTP/1.1', [], '', 'DELETE / - - - - -'],
  ['DELETE / HTTP/1.1', ['Transfer-Encoding: chunked'], '1\r\na\r\n0\r\n\r\n', 'DELETE / - chunked - a -'],
  ['GET / HTTP/1.1', ['Content-Length: 1'], 'a', 'GET / 1 - - a -'],
  ['OPTIONS * HTTP/1.1', [], '', 'OPTIONS * - - - - -'],
  ['GET /%2e%2e/a%00?ü HTTP/1.1', [], '', null],
  ['GET http://alice.test/x?y HTTP/1.1', [], '', 'GET /x?y - - - - -'],
  ['GET http://alice.test HTTP/1.1', [], '', 'GET / - - - - -'],
  ['PUT / HTTP/1.1', ['Expect: 100-continue', 'Content-Length: 1'], 'a', 'PUT / 1 - - a -'],
  ['GET / HTTP/1.0', [], '', 'GET / - - - - -'],
  ['POST / HTTP/1.0', ['Content-Length: 1'], 'a', 'POST / 1 - - a -'],
  [
    'POST / HTTP/1.1',
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'Content-Length: 1'],
    'a',
    'POST / 1 - - a -',
  ],
])('%s %j', async (line, headers, body, expected) => {
  await echo();
  const heard = await rig.sendRaw(head(line, ...headers) + body);
  if (expected === null) expect(heard).toMatch(/^HTTP\/1\.1 400 /);
  else expect(heard.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')).toMatch(/^HTTP\/1\.1 200 /);
  if (expected !== null) expect(heard).toContain(expected);
});

test.each([
  ['a length and chunks', ['Content-Length: 3', 'Transfer-Encoding: chunked'], '0\r\n\r\n', 400],
  ['chunks spelled with a space', ['Transfer-Encoding : chunked'], '0\r\n\r\n', 400],
  ['two lengths', ['Content-Length: 3', 'Content-Length: 4'], 'abcd', 400],
  ['a length with a sign', ['Content-Length: +3'], 'abc', 400],
  ['an unknown coding', ['Transfer-Encoding: xchunked'], '0\r\n\r\n', 400],
  ['a folded header', ['X: a\r\n b: c'], '', 400],
  ['a bare line feed', ['X: a\nTransfer-Encoding: chunked'], '', 400],
  ['two hosts', ['Host: bob.test'], '', 400],
  ['another expectation', ['Expect: money'], '', 417],
])('smuggling: %s', async (_what, headers, body, status) => {
  await echo();
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: alice.test\r\nConnection: close\r\n\r\n';
  const heard = await rig.sendRaw(head('POST / HTTP/1.1', ...headers) + body + smuggled);
  expect(heard).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(heard).not.toContain('/smuggled');
});

test('smuggling: a `Connection` that names headers which frame, route or identify a request', async () => {
  const asked: string[] = [];
  await rig.serve((incoming, response) => {
    asked.push(`${incoming.url} ${incoming.headers.host} ${incoming.headers['x-forwarded-for']}`);
    incoming.resume();
    response.end('ok');
  });
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n';
  for (const named of ['Content-Length', 'Host', 'X-Forwarded-For', 'Transfer-Encoding']) {
    const first = `GET /${named} HTTP/1.1\r\nHost: alice.test\r\nConnection: close, ${named}\r\n`;
    const heard = await rig.sendRaw(`${first}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
    expect([named, heard]).toEqual([named, expect.stringMatching(/^HTTP\/1\.1 200 /)]);
  }
  const names = ['Content-Length', 'Host', 'X-Forwarded-For', 'Transfer-Encoding'];
  expect(asked).toEqual(names.map((name) => `/${name} localhost:${rig.service?.port} 127.0.0.1`));
});

test('CONNECT, an absolute target of another host, and user information before the host are refused', async () => {
  await echo();
  expect(await rig.sendRaw(head('CONNECT alice.test:80 HTTP/1.1'))).toMatch(/^HTTP\/1\.1 501 /);
  expect(await rig.sendRaw(head('GET http://bob.test/ HTTP/1.1'))).toMatch(/^HTTP\/1\.1 404 /);
  expect(await rig.sendRaw(head('GET http://alice.test@bob.test/ HTTP/1.1'))).toMatch(/^HTTP\/1\.1 400 /);
});

test('HEAD, 204 and 304 have no body, and the connection is reused', async () => {
  await rig.serve((incoming, response) => {
    if (incoming.url === '/204') return void response.writeHead(204).end();
    if (incoming.url === '/304') return void response.writeHead(304, { etag: '"a"' }).end();
    response.writeHead(200, { 'content-length': 5 }).end('12345');
  });
  const one = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: alice.test\r\n\r\n`;
  const heard = await rig.sendRaw(
    one('HEAD', '/') + one('GET', '/204') + one('GET', '/304') + head('GET / HTTP/1.1'),
  );
  expect(heard.match(/HTTP\/1\.1 \d+/g)).toEqual([200, 204, 304, 200].map((status) => `HTTP/1.1 ${status}`));
  expect(heard.match(/12345/g)).toHaveLength(1);
  expect(heard.match(/Content-Length: 5/gi)).toHaveLength(2);
});

test("a response's head keeps the service's bytes", async () => {
  const named = 'Content-Disposition: attachment; filename="caf\xc3\xa9-\xe9.pdf"';
  await rig.serveRaw(`HTTP/1.1 200 Tr\xe8s bien\r\n${named}\r\nContent-Length: 2\r\n\r\nok`);
  const heard = await rig.sendRaw(head('GET / HTTP/1.1'));
  expect(heard).toContain(`HTTP/1.1 200 Tr\xe8s bien\r\n${named}\r\n`);
});

test('pipelined requests are answered in order, however long each takes', async () => {
  await rig.serve((incoming, response) => {
    setTimeout(() => response.end(`<${incoming.url}>`), incoming.url === '/1' ? 150 : 0);
  });
  const requests = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: alice.test\r\n\r\n`);
  const heard = await rig.sendRaw(requests.join('') + head('GET /4 HTTP/1.1'));
  expect(heard.match(/<\/\d>/g)).toEqual(['</1>', '</2>', '</3>', '</4>']);
});

/** Twenty turns of the event loop: each reads what has arrived. */
async function turnsOfTheLoop(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await sleep(5);
}

test('a malformed request after a pending one never becomes part of its response', async () => {
  let finish = () => {};
  await rig.serve((_incoming, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('12345');
    finish = () => void response.end('67890');
  });
  const socket = connect(rig.port, '127.0.0.1');
  let heard = '';
  socket.on('data', (data) => {
    heard += data;
    // The answer goes on once the edge, which shares this event loop, has certainly read the nonsense.
    if (heard.endsWith('12345')) socket.write('nonsense\r\n\r\n', () => void turnsOfTheLoop().then(finish));
  });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: alice.test\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  expect(heard).not.toContain('400');
});

test('early hints and trailers pass, except trailers that set a cookie or frame the body', async () => {
  await rig.serveRaw(
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n' +
      '2\r\nok\r\n0\r\nX-T: 1\r\nSet-Cookie: a=1; Domain=test\r\nLocation: /\r\n\r\n',
  );
  const heard = await rig.sendRaw(head('GET / HTTP/1.1'));
  expect(heard).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload; as=style\r\n/);
  expect(heard).toMatch(/\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  expect(heard).toMatch(/2\r\nok\r\n0\r\nX-T: 1\r\n\r\n$/);
  expect(await rig.sendRaw(head('GET / HTTP/1.0'))).toMatch(/^HTTP\/1\.1 200 OK\r\n(?!.*chunked)/s);
});

test('a visitor does not notice a service that restarts between two requests, and no POST is sent twice', async () => {
  const asked: string[] = [];
  const listener = (incoming: IncomingMessage) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    return bodyOf(incoming);
  };
  for (const round of ['/1', '/2', '/3']) {
    const server = createServer(
      (incoming, response) => void listener(incoming).then(() => response.end('ok')),
    );
    await rig.forwardTo(server, 'http', rig.service?.port);
    expect([round, (await rig.visit(round)).body]).toEqual([round, 'ok']);
    expect([round, (await rig.visit(round, { method: 'POST', body: 'x' })).body]).toEqual([round, 'ok']);
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
  expect(asked).toEqual(['/1', '/2', '/3'].flatMap((round) => [`GET ${round}`, `POST ${round}`]));
});

test('a pooled connection that turns out to be dead costs no visitor a response', async () => {
  const asked: string[] = [];
  await rig.serveRaw((socket, first) => {
    asked.push(first.slice(0, 4).trim());
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    // As after a restart: the relay does not know yet that the connection is dead.
    socket.once('data', () => socket.destroy());
  });
  for (const method of ['GET', 'GET', 'POST', 'DELETE', 'PATCH'])
    expect([method, (await rig.visit('/', { method })).status]).toEqual([method, 200]);
  expect(asked).toEqual(['GET', 'GET', 'POST', 'DELE', 'PATC']);
});

test('a POST is sent once to a service that ends every connection without a response', async () => {
  let asked = 0;
  await rig.serveRaw((socket) => {
    asked += 1;
    socket.destroy();
  });
  expect((await rig.visit('/', { method: 'POST', body: 'x' })).status).toBe(503);
  expect(asked).toBe(1);
});

test('a visitor who half-closes is disconnected, and so is the service', async () => {
  let gone = false;
  await rig.serve((_incoming, response) => {
    response.once('close', () => {
      gone = true;
    });
  });
  const socket = connect(rig.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.end('GET / HTTP/1.1\r\nHost: alice.test\r\n\r\n');
  await once(socket, 'close');
  await waitFor('the service to be disconnected', () => gone);
});

test('edge and relay answer slow headers with a 408', async () => {
  const slow = 'GET / HTTP/1.1\r\nHost: alice.test\r\nX-Slow: ';
  const ways = [rig.port, rig.relay.port].map((to) => rig.sendRaw(slow, { to }));
  for (const heard of await Promise.all(ways)) expect(heard).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
});
