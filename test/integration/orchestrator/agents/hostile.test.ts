/** Hostile input in place of the agent is refused, logged once and disconnected; other students are not affected. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { pino } from 'pino';
import { type AgentSockets, createAgentSockets } from '../../../../orchestrator/agents/index.ts';
import {
  MAX_LINE_BYTES,
  PROTOCOL_VERSION,
  SOCKET_FILE_NAME,
} from '../../../../orchestrator/protocol/constants.ts';
import type { Report, StateMessage } from '../../../../orchestrator/protocol/messages.ts';
import { emptyReport } from '../../../support/empty-report.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { waitFor } from '../../../support/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'devenv-sockets-'));
const path = (student: string) => join(folder, student, SOCKET_FILE_NAME);
const line = `${JSON.stringify(emptyReport)}\n`;

let sockets: AgentSockets;
let clock: ManualClock;
let log: string[] = [];
let reports: string[] = [];
let last: Report | null = null;

beforeEach(async () => {
  log = [];
  reports = [];
  clock = new ManualClock();
  const sink = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk));
      done();
    },
  });
  sockets = createAgentSockets({
    log: pino({}, sink),
    clock,
    onReport: (student, report) => {
      reports.push(student);
      last = report;
    },
    onConnection: () => {},
  });
  for (const student of ['alice', 'mallory']) await sockets.open(student, join(folder, student));
});

afterEach(async () => {
  for (const student of ['alice', 'mallory']) await sockets.close(student);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function dial(student: string): Promise<Socket> {
  const socket = connect(path(student));
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return socket;
}

const closed = (socket: Socket) =>
  waitFor('the connection to be cut', () => {
    socket.resume();
    return socket.destroyed || socket.readableEnded;
  });

const wrong: [string, string][] = [
  ['no JSON', 'hello\n'],
  ['a number', '7\n'],
  ['null', 'null\n'],
  ['an unknown kind', `${JSON.stringify({ ...emptyReport, kind: 'open' })}\n`],
  ['another protocol', `${JSON.stringify({ ...emptyReport, protocol: 1e9 })}\n`],
  ['an unknown key', `${JSON.stringify({ ...emptyReport, admin: true })}\n`],
  [
    'a port of 0',
    line.replace(
      '"service":null',
      '"service":{"port":0,"address":"::1","scheme":"http","reason":"port-variable"}',
    ),
  ],
  [
    'a list that is too long',
    `${JSON.stringify({ ...emptyReport, starting: Array(17).fill({ id: 'a', command: 'b', ageSeconds: 0 }) })}\n`,
  ],
  ...['pts/0', '/dev/pts/0\u001b[2J', '/dev/pts/0\n', '\u001b]52;c;eA==\u0007'].map(
    (terminal): [string, string] => [
      `a terminal ${JSON.stringify(terminal)}`,
      `${JSON.stringify({ ...emptyReport, sessions: [{ id: '7:1', terminal, ageSeconds: 0, portVariable: 'ok' }] })}\n`,
    ],
  ),
  ...['evil.test', '\u009b2J', '::1\u202e', '169.254.169.254/x'].map((address): [string, string] => [
    `an address ${JSON.stringify(address)}`,
    `${JSON.stringify({ ...emptyReport, service: { port: 1, address, scheme: 'http', reason: 'chosen' } })}\n`,
  ]),
  ['a prototype', '{"__proto__":{"kind":"report"},"constructor":1}\n'],
  ['control characters', '\u0000\u001b[2J\n'],
];

test.each(wrong)('%s: disconnected, and logged without a byte of it', async (_name, text) => {
  const socket = await dial('mallory');
  socket.write(text);
  await closed(socket);
  expect(reports).toEqual([]);
  expect(log).toHaveLength(1);
  expect(log[0]).toContain('"student":"mallory"');
  expect(log[0]).not.toContain('\\u001b');
  expect(log[0]?.length).toBeLessThan(300);
});

test('a command line is accepted, and passed on without terminal sequences', async () => {
  const command = 'node \u001b]52;c;cm0=\u0007\u001b[2J\u009b2J\u202egnp.js';
  const listener = {
    port: 80,
    addresses: ['::'],
    process: null,
    command,
    speaks: null,
    purpose: 'debugger',
    isPublic: true,
  };
  const starting = [{ id: '7:1/1', command, ageSeconds: 0 }];
  const socket = await dial('alice');
  socket.write(`${JSON.stringify({ ...emptyReport, listeners: [listener], starting })}\n`);
  await waitFor('the report', () => reports.includes('alice'));
  const clean = 'node  ]52;c;cm0=  [2J 2J gnp.js';
  expect(last).toMatchObject({ listeners: [{ command: clean }], starting: [{ command: clean }] });
});

test('an agent of another protocol version: the log says which, and what to do', async () => {
  const older = { ...emptyReport, protocol: PROTOCOL_VERSION - 1, lastEnd: null };
  const socket = await dial('mallory');
  socket.write(`${JSON.stringify(older)}\n`);
  await closed(socket);
  expect(reports).toEqual([]);
  expect(log).toHaveLength(1);
  expect(log[0]).toContain(
    `its agent speaks protocol ${PROTOCOL_VERSION - 1}, this orchestrator speaks ${PROTOCOL_VERSION}: run \`devenv restart mallory\``,
  );
});

test('a line of 10 MB is cut off before it is buffered', async () => {
  const socket = await dial('mallory');
  const before = process.memoryUsage().rss;
  for (let sent = 0; sent < 10 * 2 ** 20 && !socket.destroyed; sent += 65_536) {
    if (!socket.write(Buffer.alloc(65_536, 'a'))) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed(socket);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  expect(log[0]).toMatch(/sends more than|a line of over/);
  expect(MAX_LINE_BYTES).toBeLessThan(2 ** 20);
});

/** A connection whose report was accepted, or null if the connection was refused. */
async function connectAndReport(student: string): Promise<Socket | null> {
  const before = reports.length;
  const socket = await dial(student);
  socket.resume().write(line);
  const isOver = () => socket.destroyed || socket.readableEnded;
  await waitFor('a report or an end', () => isOver() || reports.length > before);
  return reports.length > before ? socket : null;
}

test('repeated offenses are banned for longer each time; a valid agent is admitted again', async () => {
  for (const banMs of [1000, 2000]) {
    const socket = await connectAndReport('mallory');
    socket?.write('nonsense\n');
    await closed(socket as Socket);
    expect(log.at(-1)).toContain(`refused for ${banMs / 1000} s`);
    await clock.advance(banMs - 1);
    expect([banMs, await connectAndReport('mallory')]).toEqual([banMs, null]);
    await clock.advance(1);
  }
  expect(await connectAndReport('mallory')).not.toBeNull();
  expect(log).toHaveLength(2);
});

test('a flood on one socket does not delay the reports of another student', async () => {
  const alice = await dial('alice');
  /** Sends a report; resolves to the turns of the event loop until it arrives. */
  const hear = async () => {
    const count = reports.length;
    alice.write(line);
    let turns = 0;
    for (; !reports.slice(count).includes('alice'); turns += 1)
      await new Promise((resolve) => setImmediate(resolve));
    return turns;
  };
  await hear();
  let flooding = true;
  const flood = (async () => {
    while (flooding) {
      const socket = await dial('mallory').catch(() => null);
      for (let round = 0; round < 200 && socket && !socket.destroyed; round += 1)
        socket.write(line.repeat(100));
      await new Promise((resolve) => setImmediate(resolve));
      socket?.destroy();
    }
  })();
  const turns: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    turns.push(await hear());
    await clock.advance(60);
  }
  flooding = false;
  await flood;
  // The orchestrator never disconnects the honest agent, and reads its report in the next turns of the loop.
  expect(alice.destroyed).toBe(false);
  expect(turns.sort((a, b) => a - b)[10]).toBeLessThan(10);
  expect(reports.filter((student) => student === 'mallory').length).toBeLessThan(200);
});

test('a stalled reader gets the newest state, and nothing queues up for it', async () => {
  const socket = await dial('alice');
  socket.pause();
  socket.write(line);
  await waitFor('the report', () => reports.includes('alice'));
  const state = (id: number) =>
    ({ kind: 'state', notices: [], student: 'x'.repeat(50_000), port: id }) as unknown as StateMessage;
  const before = process.memoryUsage().rss;
  for (let id = 1; id <= 2000; id += 1) sockets.send('alice', state(id));
  expect(process.memoryUsage().rss - before).toBeLessThan(80 * 2 ** 20);
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.resume();
  await waitFor('the newest state', () => text.includes('"port":2000'));
  socket.destroy();
});

const seed = Date.now() % 2 ** 31;

const anything = fc.oneof(
  fc.json(),
  fc.string(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc
    .record({ kind: fc.constantFrom('report', 'x'), sessions: fc.anything() })
    .map((value) => JSON.stringify(value)),
);

test(`arbitrary input: no crash, and nothing invalid is accepted as a report (seed ${seed})`, async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(anything, async (text) => {
      // Each input gets its own socket: the previous one is banned.
      const student = `s${run++}`;
      await sockets.open(student, join(folder, student));
      const socket = await dial(student);
      socket.write(`${text}\n`);
      await closed(socket);
      await sockets.close(student);
    }),
    { seed, numRuns: 100 },
  );
  expect(reports).toEqual([]);
  expect(log.length).toBeGreaterThanOrEqual(100);
});
