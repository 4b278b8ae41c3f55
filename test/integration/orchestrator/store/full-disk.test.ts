/** A full disk under the state folder: nothing throws but what must be on disk, and all is saved when there is space. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openLog, readLog } from '../../../../orchestrator/log.ts';
import { acquireInstanceLock, openStore, ResilientStore } from '../../../../orchestrator/store/index.ts';
import type { StudentRow } from '../../../../orchestrator/store/types.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { SmallDisk } from '../../../support/small-disk.ts';
import { currentRun } from '../../../support/test-run.ts';

let folder: string;
let disk: SmallDisk;
let clock: ManualClock;
let lines: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), `devenv-test-${currentRun}-disk-`));
  disk = await SmallDisk.mount(folder, 1);
  clock = new ManualClock();
  lines = [];
});

afterEach(async () => {
  await disk.unmount();
  rmSync(folder, { recursive: true, force: true });
});

const row = (name: string, port: number): StudentRow => ({
  name,
  port,
  hostname: `${name}.test`,
  socketId: name,
  createdAt: '2026-01-01T00:00:00.000Z',
  state: { kind: 'present' },
  shouldRun: true,
  routeMemory: null,
  noticeMemory: null,
  relayKey: null,
  uid: 20_000 + port,
});

const path = () => join(folder, 'state.db');

function openHere(): ResilientStore {
  const log = pino({}, { write: (line: string) => lines.push(line) });
  return new ResilientStore({ store: openStore(path()), stateDir: folder, clock, log });
}

/** More than the pages that the files have already. */
const memory = (at: number) => JSON.stringify({ at, text: 'x'.repeat(20_000) });

/** Changes that together need more space than is left. */
function change(store: ResilientStore): void {
  for (let at = 1; at <= 20; at += 1) store.update('alice', { routeMemory: memory(at) });
}

test('updates and removals continue in memory, in order, and are saved after space is freed', async () => {
  const store = openHere();
  for (const [at, name] of ['alice', 'bob', 'carol'].entries()) store.insert(row(name, 3001 + at));
  store.putJournalEntry('run', '{}');
  await disk.fill();
  change(store);
  store.update('bob', { shouldRun: false });
  store.remove('carol');
  store.removeJournalEntry('run');
  store.remember('zone', 'example.test');
  expect(store.problem()).toMatchObject({ code: 'disk-full', next: expect.stringContaining('df -h') });
  expect([store.recall('zone'), store.journalEntries()]).toEqual(['example.test', []]);
  expect(lines).toHaveLength(1);

  disk.free();
  await clock.advance(120_000);
  expect(store.problem()).toBeNull();
  store.close();
  const again = openStore(path());
  expect(again.students()).toEqual([
    { ...row('alice', 3001), routeMemory: memory(20) },
    { ...row('bob', 3002), shouldRun: false },
  ]);
  expect([again.recall('zone'), again.journalEntries()]).toEqual(['example.test', []]);
  again.close();
});

test('a new student and a journal entry are refused, and possible again as soon as there is space', async () => {
  const store = openHere();
  store.insert(row('alice', 3001));
  await disk.fill();
  change(store);
  const refused = expect.objectContaining({ code: 'disk-full', what: expect.stringContaining(folder) });
  expect(() => store.insert(row('bob', 3002))).toThrow(refused);
  expect(() => store.putJournalEntry('run', '{}')).toThrow(refused);
  disk.free();
  store.insert(row('bob', 3002));
  store.putJournalEntry('run', '{}');
  expect(store.problem()).toBeNull();
  expect(store.students().map(({ routeMemory }) => routeMemory)).toEqual([memory(20), null]);
  store.close();
});

test('a class that comes and goes while the disk is full does not fill the memory', async () => {
  const store = openHere();
  for (let at = 0; at < 3; at += 1) store.insert(row(`s${at}`, 3001 + at));
  await disk.fill();
  for (let at = 0; at < 300; at += 1) store.update(`s${at % 3}`, { routeMemory: memory(at) });
  disk.free();
  await clock.advance(120_000);
  const memories = store.students().map(({ routeMemory }) => routeMemory);
  expect(memories).toEqual([memory(297), memory(298), memory(299)]);
  store.close();
});

test('a log on the full disk neither throws nor waits, and is complete when there is space', async () => {
  const file = join(folder, 'daemon.log');
  writeFileSync(file, `${'x'.repeat(4095)}\n`);
  const log = openLog(file);
  await disk.fill();
  for (let at = 0; at < 100; at += 1) log.info({ at }, 'a line');
  log.fatal('the last line on the full disk');
  disk.free();
  log.info('a line later');
  const texts = (await readLog(file, null, 102)).map(({ text }) => text);
  expect(texts).toEqual([...Array(100).fill('a line'), 'the last line on the full disk', 'a line later']);
});

test('hostnames that could not be exchanged on a full disk are exchanged when there is space', async () => {
  const store = openHere();
  store.insert(row('alice', 3001));
  store.insert(row('bob', 3002));
  await disk.fill();
  change(store);
  store.rename(
    new Map([
      ['alice', 'bob.test'],
      ['bob', 'alice.test'],
    ]),
  );
  disk.free();
  await clock.advance(120_000);
  expect(store.students().map(({ hostname }) => hostname)).toEqual(['bob.test', 'alice.test']);
  store.close();
});

test('no student is created on a disk that is almost full, before any write has failed', async () => {
  const store = openHere();
  const refused = expect.objectContaining({ code: 'disk-full', what: expect.stringContaining('carol') });
  store.requireRoomFor('carol');
  await disk.fill();
  expect(() => store.requireRoomFor('carol')).toThrow(refused);
  expect(store.problem()).toMatchObject({ code: 'disk-full' });
  disk.free();
  store.requireRoomFor('carol');
  expect(store.problem()).toBeNull();
  store.close();
});

test('a refused student is reported until there is space, although no write is pending', async () => {
  const store = openHere();
  store.insert(row('alice', 3001));
  await disk.fill();
  change(store);
  disk.free();
  await clock.advance(120_000);
  await disk.fill();
  expect(() => store.insert({ ...row('bob', 3002), routeMemory: memory(1).repeat(20) })).toThrow('bob');
  await clock.advance(120_000);
  expect([store.problem()?.code, lines.length]).toEqual(['disk-full', 3]);
  disk.free();
  await clock.advance(120_000);
  expect(store.problem()).toBeNull();
  store.close();
});

describe('a larger disk, with a reserve', () => {
  beforeEach(async () => {
    await disk.unmount();
    disk = await SmallDisk.mount(folder, 8);
  });

  test('a stop on the full disk saves everything in the reserve, which is made again later', async () => {
    const store = openHere();
    store.insert(row('alice', 3001));
    await disk.fill();
    change(store);
    store.remember('zone', 'example.test');
    store.close();
    await disk.fill();
    // Also opened while the disk is full: reading needs no space.
    const again = openHere();
    expect(again.students()).toEqual([{ ...row('alice', 3001), routeMemory: memory(20) }]);
    expect(again.recall('zone')).toBe('example.test');
    again.update('alice', { routeMemory: memory(21) });
    expect(existsSync(join(folder, 'reserve'))).toBe(false);
    disk.free();
    await clock.advance(120_000);
    expect([again.problem(), again.students()[0]?.routeMemory]).toEqual([null, memory(21)]);
    expect(existsSync(join(folder, 'reserve'))).toBe(true);
    again.close();
  });

  test('the lock is taken on the full disk, if the orchestrator has run before', async () => {
    acquireInstanceLock(folder).release();
    await disk.fill();
    acquireInstanceLock(folder).release();
  });

  test('a first start on the full disk is refused with the reason', async () => {
    await disk.fill();
    expect(() => acquireInstanceLock(folder)).toThrow(
      expect.objectContaining({ code: 'disk-full', next: expect.stringContaining('Free some space') }),
    );
  });
});

test('opening the state on a full disk names the disk, and advises to free space', async () => {
  await disk.fill();
  expect(() => openStore(path())).toThrow(
    expect.objectContaining({ code: 'disk-full', next: expect.stringContaining('Free some space') }),
  );
});
