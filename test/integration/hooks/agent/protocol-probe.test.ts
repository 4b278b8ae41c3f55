/** Probing a port causes no request, no error and no terminal output in the student's program. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createSecureServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { ListenerClassifier } from '../../../../hooks/agent/listener-classifier.ts';
import { probeProtocol } from '../../../../hooks/agent/protocol-probe.ts';
import { freePort } from '../../../support/free-port.ts';
import { portOf } from '../../../support/visitor-rig.ts';
import { waitFor } from '../../../support/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'devenv-probe-'));
const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
const certificate = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'];
execFileSync('openssl', [...certificate, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
rmSync(folder, { recursive: true });

let complaints: string[] = [];
const servers: Server[] = [];

async function listen(server: Server): Promise<number> {
  server.on('request', () => complaints.push('a request'));
  server.listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return portOf(server);
}

/** A server that handles every connection this way, and ends on any socket error. */
function tcp(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createTcp((socket) => {
    socket.on('error', (error) => complaints.push(error.message));
    onSocket(socket.resume());
  });
  return listen(server);
}

beforeEach(() => {
  complaints = [];
});

afterAll(() => {
  for (const server of servers) server.close();
});

const cases: [string, () => Promise<number>, string | null][] = [
  ['Node over HTTP', () => listen(createHttp()), 'http'],
  ['Node over HTTPS', () => listen(createHttps(tls) as unknown as Server), 'https'],
  ['Node over HTTP/2, as Vite has it', () => listen(createHttp2({ ...tls, allowHTTP1: true })), 'https'],
  ['a greeting', () => tcp((socket) => socket.end('220 mail.example ESMTP\r\n')), 'other'],
  ['an echo server', () => tcp((socket) => socket.pipe(socket)), 'other'],
  ['a server that closes immediately', () => tcp((socket) => socket.end()), 'other'],
  [
    'a server that closes at any byte',
    () => tcp((socket) => socket.once('data', () => socket.end())),
    'other',
  ],
  [
    // As Node 26 answers.
    "Node's inspector",
    () =>
      tcp((socket) =>
        socket.end(
          'HTTP/1.0 400 Bad Request\r\nContent-Type: text/html; charset=UTF-8\r\n\r\nWebSockets request was expected\r\n',
        ),
      ),
    'debugger',
  ],
  [
    // As debugpy 1.8 greets.
    'the Debug Adapter Protocol',
    () =>
      tcp((socket) =>
        socket.write('Content-Length: 138\r\n\r\n{"seq": 1, "type": "event", "event": "output"}'),
      ),
    'debugger',
  ],
  ['a server that never answers', () => tcp(() => {}), null],
  [
    'a server that never stops sending',
    () =>
      tcp((socket) => {
        const timer = setInterval(() => socket.write('tick\n'.repeat(1000)), 5);
        socket.once('close', () => clearInterval(timer));
      }),
    'other',
  ],
];

/** A server that is too busy to answer in time says nothing, and is asked again. */
async function untilItSays(port: number, expected: string | null): Promise<string | null> {
  if (expected === null) return probeProtocol('127.0.0.1', port);
  return waitFor('an answer', () => probeProtocol('127.0.0.1', port));
}

test.each(cases)('%s', async (_what, start, expected) => {
  const port = await start();
  expect(await untilItSays(port, expected)).toBe(expected);
  const server = servers.at(-1);
  const connections = () =>
    new Promise<number>((resolve) => server?.getConnections((_, count) => resolve(count)));
  await waitFor('every connection to be over', async () => (await connections()) === 0);
  expect(complaints).toEqual([]);
});

test('a port without a listener is unknown', async () => {
  expect(await probeProtocol('127.0.0.1', await freePort())).toBeNull();
});

test("Python's http.server is recognized, and prints nothing", async () => {
  const port = await freePort();
  const python = spawn('python3', ['-u', '-m', 'http.server', String(port), '--bind', '127.0.0.1']);
  let printed = '';
  for (const stream of [python.stdout, python.stderr])
    stream.on('data', (data) => {
      printed += data;
    });
  await waitFor('Python to serve', () => printed.includes('Serving HTTP'));
  const before = printed;
  expect(await untilItSays(port, 'http')).toBe('http');
  python.kill('SIGTERM');
  await once(python, 'exit');
  expect(printed).toBe(before);
});

test('a silent port is probed again with growing delays, and never twice at the same time', async () => {
  let asked = 0;
  const port = await tcp(() => {
    asked += 1;
  });
  const stepMs = 100;
  const askedAfterMs: number[] = [];
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  try {
    const classifier = new ListenerClassifier(() => {});
    const listener = { id: 'id', address: '127.0.0.1', port, debuggerSign: () => 'none' as const };
    for (let passedMs = 0; passedMs <= 20_000; passedMs += stepMs) {
      classifier.classify(listener);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (asked > askedAfterMs.length) askedAfterMs.push(passedMs);
      jest.advanceTimersByTime(stepMs);
    }
  } finally {
    jest.useRealTimers();
  }
  // Each question takes 1.5 s, and the pauses between them are 1, 2, 4 and 8 s.
  const pauses = askedAfterMs.slice(1).map((ms, index) => ms - (askedAfterMs[index] ?? 0));
  expect(pauses.map((ms) => Math.round((ms - 1500) / 1000))).toEqual([1, 2, 4]);
  expect(asked).toBe(4);
});
