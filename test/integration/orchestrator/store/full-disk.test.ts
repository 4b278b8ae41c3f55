/** A full disk under the state folder: nothing throws but what must be on disk, and all is saved when there is space. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openLog } from '../../../../orchestrator/log.ts';
import { openStore, ResilientStore } from '../../../../orchestrator/store/index.ts';
import type { StudentRow } from '../../../../orchestrator/store/types.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { $ } from '../../../support/shell.ts';

let folder: string;
let clock: ManualClock;
let lines: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-full-disk-'));
  await $`mount -t tmpfs -o size=1m tmpfs ${folder}`;
  clock = new ManualClock();
  lines = [];
});

afterEach(async () => {
  await $`umount --lazy ${folder}`;
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
  uid: 20_000 + port,
});

const path = () => join(folder, 'state.db');

function openHere(): ResilientStore {
  const log = pino({}, { write: (line: string) => lines.push(line) });
  return new ResilientStore({ store: openStore(path()), stateDir: folder, clock, log });
}

/** Takes the last byte of the disk. */
const fill = () => $({ nothrow: true })`dd if=/dev/zero of=${join(folder, 'filler')} bs=512`;
const free = () => rmSync(join(folder, 'filler'));

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
  await fill();
  change(store);
  store.update('bob', { shouldRun: false });
  store.remove('carol');
  store.removeJournalEntry('run');
  store.remember('zone', 'example.test');
  expect(store.problem()).toMatchObject({ code: 'disk-full', next: expect.stringContaining('df -h') });
  expect([store.recall('zone'), store.journalEntries()]).toEqual(['example.test', []]);
  expect(lines).toHaveLength(1);

  free();
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
  await fill();
  change(store);
  const refused = expect.objectContaining({ code: 'disk-full', what: expect.stringContaining(folder) });
  expect(() => store.insert(row('bob', 3002))).toThrow(refused);
  expect(() => store.putJournalEntry('run', '{}')).toThrow(refused);
  free();
  store.insert(row('bob', 3002));
  store.putJournalEntry('run', '{}');
  expect(store.problem()).toBeNull();
  expect(store.students().map(({ routeMemory }) => routeMemory)).toEqual([memory(20), null]);
  store.close();
});

test('a class that comes and goes while the disk is full does not fill the memory', async () => {
  const store = openHere();
  for (let at = 0; at < 3; at += 1) store.insert(row(`s${at}`, 3001 + at));
  await fill();
  for (let at = 0; at < 300; at += 1) store.update(`s${at % 3}`, { routeMemory: memory(at) });
  free();
  await clock.advance(120_000);
  const memories = store.students().map(({ routeMemory }) => routeMemory);
  expect(memories).toEqual([memory(297), memory(298), memory(299)]);
  store.close();
});

test('a log on the full disk throws nothing', async () => {
  const log = openLog(join(folder, 'daemon.log'));
  writeFileSync(join(folder, 'daemon.log'), 'x'.repeat(4096));
  await fill();
  for (let at = 0; at < 100; at += 1) log.info({ at, text: 'x'.repeat(100) }, 'a line');
  await new Promise((resolve) => setImmediate(resolve));
});

test('opening the state on a full disk names the disk, and advises to free space', async () => {
  await fill();
  expect(() => openStore(path())).toThrow(
    expect.objectContaining({ code: 'disk-full', next: expect.stringContaining('Free some space') }),
  );
});
