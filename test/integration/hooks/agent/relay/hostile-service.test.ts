/** Whatever a student's server sends, behind the relay or in its place, the edge survives. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { fetchLinkIdentity } from '../../../../../orchestrator/edges/link-identity.ts';
import { VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;
let answer: string;

/** Once through the relay, and once with the edge forwarding to the raw server. */
const places = ['behind the relay', "in the relay's place"] as const;

beforeEach(async () => {
  rig = await VisitorRig.open();
  await rig.serveRaw((socket) => socket.end(answer, 'latin1'));
});

afterEach(() => rig.close());

async function put(place: (typeof places)[number]): Promise<void> {
  const origin = place === 'behind the relay' ? rig.route().origin : `http://127.0.0.1:${rig.service?.port}`;
  await rig.publish({ ...rig.route(), origin });
}

const ask = (more = '') =>
  rig.sendRaw(`GET / HTTP/1.1\r\nHost: alice.test\r\nConnection: close\r\n${more}\r\n`);

const BAD: [string, string][] = [
  ['a status below 100', 'HTTP/1.1 099 Hm\r\nContent-Length: 2\r\n\r\nhi'],
  ['status 0', 'HTTP/1.1 000 Hm\r\nContent-Length: 2\r\n\r\nhi'],
  ['an unrequested upgrade', 'HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'],
  ['a 101 without an upgrade', 'HTTP/1.1 101 Go\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello'],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a control character in a header', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\n\r\nhi'],
  ['a header of 200 KB', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(200_000)}\r\n\r\nhi`],
  ['a greeting of another protocol', '220 mail.example ESMTP\r\n'],
  ['no bytes', ''],
];

describe.each(places)('%s', (place) => {
  test.each(BAD)('%s becomes a clean error page', async (_what, bytes) => {
    await put(place);
    answer = bytes;
    expect(await ask()).toMatch(/^HTTP\/1\.1 50[23] /);
    expect(await ask('Upgrade: websocket\r\nConnection: upgrade\r\n')).toMatch(/^HTTP\/1\.1 (50[23]|101) /);
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('bytes that a status line must not contain are removed', async () => {
    await put(place);
    answer = 'HTTP/1.1 200 a\x01b\x7f\r\nContent-Length: 2\r\n\r\nhi';
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 ab\r\n/);
    answer = 'HTTP/1.1 403 a\x01b\r\nContent-Length: 2\r\n\r\nhi';
    expect(await ask('Upgrade: websocket\r\nConnection: upgrade\r\n')).toMatch(/^HTTP\/1\.1 403 ab\r\n/);
  });

  test('a cookie for the whole zone is restricted to the own hostname in every spelling', async () => {
    await put(place);
    answer =
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=alice.test; DOMAIN = .test\r\nContent-Length: 0\r\n\r\n';
    expect(await ask()).toMatch(/Set-Cookie: a=1; Domain=alice\.test\r\n/);
  });

  test('random bytes: every visit ends, and other students are not affected', async () => {
    await put(place);
    const seed = randomInt(2 ** 31);
    console.log(`seed ${seed}`);
    const piece = fc.constantFrom(
      ...[
        'HTTP/1.1 ',
        'HTTP/1.0 ',
        '200',
        '101',
        '103',
        '304',
        ' ',
        'OK',
        '\r\n',
        '\r\n\r\n',
        'Content-Length: ',
      ],
      ...[
        'Transfer-Encoding: chunked',
        'Trailer: X',
        'Connection: close',
        'Upgrade: websocket',
        '0\r\n\r\n',
        '5',
      ],
      ...['Set-Cookie: a=1; Domain', 'Location: //localhost', 'Refresh: 0;url=', '\x00', '\xff', 'X: y', ':'],
    );
    const bytes = fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(bytes, async (pieces) => {
        answer = `HTTP/1.1 200${pieces.join('')}`;
        expect(await ask()).not.toBe('');
        await ask('Upgrade: websocket\r\nConnection: upgrade\r\n');
      }),
      { seed, numRuns: 150 },
    );
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

/** Sends informational responses forever; returns how many bytes were read of them. */
async function flood(): Promise<{ bytesTaken: number }> {
  const progress = { bytesTaken: 0 };
  const block = `HTTP/1.1 103 Early Hints\r\nLink: </${'a'.repeat(8000)}>\r\n\r\n`.repeat(100);
  const pour = (socket: Socket) => {
    while (!socket.destroyed) {
      progress.bytesTaken += block.length;
      if (!socket.write(block)) return void socket.once('drain', () => pour(socket));
    }
  };
  await rig.serveRaw(pour);
  return progress;
}

/** The kernel's buffers alone take much less than this. */
const FLOODED = 16 * 2 ** 20;

describe.each(places)('endless early hints, %s', (place) => {
  test.each([
    ['a request', ''],
    ['a WebSocket', 'Upgrade: websocket\r\nConnection: upgrade\r\n'],
  ])('%s is answered, and ends', async (_what, more) => {
    const flooded = await flood();
    await put(place);
    const heard = await ask(more);
    expect(heard).toMatch(/^HTTP\/1\.1 50[23] |\r\n\r\nHTTP\/1\.1 50[23] /);
    expect(heard.split('HTTP/1.1 103 ').length - 1).toBeLessThanOrEqual(16);
    expect(flooded.bytesTaken).toBeLessThan(FLOODED);
  });

  test('a visitor who reads nothing uses no memory', async () => {
    const flooded = await flood();
    await put(place);
    const before = process.memoryUsage().rss;
    const visitor = connect(rig.port, '127.0.0.1');
    visitor.on('error', () => {});
    await once(visitor, 'connect');
    visitor.write('GET / HTTP/1.1\r\nHost: alice.test\r\n\r\n');
    let taken = -1;
    let quietPolls = 0;
    await waitFor('the flood to stop, or to be too much', () => {
      quietPolls = flooded.bytesTaken === taken ? quietPolls + 1 : 0;
      taken = flooded.bytesTaken;
      return quietPolls === 15 || taken > FLOODED;
    });
    visitor.destroy();
    expect(flooded.bytesTaken).toBeLessThan(FLOODED);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 * FLOODED);
  });
});

test('endless early hints are not an identity', async () => {
  const flooded = await flood();
  const asked = { host: '127.0.0.1', port: rig.service?.port ?? 0 };
  const answered = await fetchLinkIdentity(asked, 'alice.test', new AbortController().signal);
  expect(answered).toEqual(expect.any(String));
  expect(flooded.bytesTaken).toBeLessThan(FLOODED);
});

test('a few early hints reach the visitor before their response', async () => {
  answer = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'.repeat(3);
  answer += 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
  expect(await ask()).toMatch(/^(HTTP\/1\.1 103 Early Hints\r\n[\s\S]*?){3}HTTP\/1\.1 200 OK\r\n/);
});

test.each([
  ['an endless body', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['a body that arrives byte by byte', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'],
  ['an unrequested upgrade', 'HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'],
])('an identity with %s is abandoned', async (_what, head) => {
  await rig.serveRaw((socket) => {
    socket.write(head);
    const drip = setInterval(() => socket.write(' '), 200);
    socket.once('close', () => clearInterval(drip));
  });
  const asked = { host: '127.0.0.1', port: rig.service?.port ?? 0 };
  expect(await fetchLinkIdentity(asked, 'alice.test', new AbortController().signal)).toEqual(
    expect.any(String),
  );
});

test("an answer without a valid identity in the relay's place is not confirmed as live", async () => {
  await put("in the relay's place");
  for (const body of ['null', '[]', '"alice"', '{"fingerprint":{}}', 'x'.repeat(5000)]) {
    answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const { origin } = rig.route();
    const confirmation = await rig.edge.confirm({ ...rig.route(), origin }, AbortSignal.timeout(150));
    expect([body, confirmation]).toMatchObject([body, { kind: 'not-live', problem: { code: 'edge' } }]);
  }
});

test('the waiting page names a service that does not speak HTTP, and one that ended early', async () => {
  answer = 'SSH-2.0-OpenSSH_9.2\r\n';
  const words = async () =>
    JSON.parse((await rig.visit('/', { headers: { accept: 'application/json' } })).body).error;
  expect(await words()).toBe('the service did not answer in HTTP');
  answer = '';
  expect(await words()).toBe('the service ended before it answered');
});
