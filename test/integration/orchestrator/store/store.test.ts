/** The state on disk survives a kill at any moment, and each state folder has one daemon. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { acquireInstanceLock, openStore } from '../../../../orchestrator/store/index.ts';
import { migrations } from '../../../../orchestrator/store/schema.ts';
import type { StudentRow } from '../../../../orchestrator/store/types.ts';
import { waitFor } from '../../../support/wait.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const row = (name: string, port: number): StudentRow => ({
  name,
  port,
  hostname: `${name}.test`,
  socketId: name,
  createdAt: '2026-01-01T00:00:00.000Z',
  state: { kind: 'creating', keepsHome: true },
  shouldRun: true,
  routeMemory: null,
  noticeMemory: null,
  relayKey: null,
  uid: port + 20_000,
});

/** Starts another Node process that runs `script`, and collects its output. */
function runInProcess(script: string): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  return { child, output: () => output };
}

const storeModule = join(import.meta.dirname, '../../../../orchestrator/store/index.ts');

test('rows and journal entries can be written, read after reopening, changed and removed', () => {
  const path = join(folder, 'state.db');
  const first = openStore(path);
  first.insert(row('bob', 3002));
  first.insert(row('alice', 3001));
  first.update('alice', { state: { kind: 'present' }, shouldRun: false, routeMemory: '{}', relayKey: 'abc' });
  first.putJournalEntry('publication', '{"a":1}');
  first.close();
  const again = openStore(path);
  expect(again.students()).toEqual([
    {
      ...row('alice', 3001),
      state: { kind: 'present' },
      shouldRun: false,
      routeMemory: '{}',
      relayKey: 'abc',
    },
    row('bob', 3002),
  ]);
  expect(again.journalEntries()).toEqual([{ id: 'publication', body: '{"a":1}' }]);
  again.remove('bob');
  again.removeJournalEntry('publication');
  expect(again.students().map(({ name }) => name)).toEqual(['alice']);
  expect(again.journalEntries()).toEqual([]);
  expect(() => again.insert(row('carol', 3001))).toThrow(/UNIQUE/);
  again.close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a process that is killed while it writes keeps every finished row', async () => {
  const path = join(folder, 'state.db');
  const { child, output } = runInProcess(`
    const { openStore } = await import(${JSON.stringify(storeModule)});
    const store = openStore(${JSON.stringify(path)});
    const row = ${JSON.stringify(row('x', 1))};
    for (let port = 1000; ; port += 1) {
      store.insert({ ...row, name: 's' + port, hostname: 'h' + port, socketId: 'i' + port, port, uid: port + 20_000 });
      console.log(port);
      await new Promise(setImmediate);
    }`);
  await waitFor('some rows', () => output().split('\n').length > 20);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  const reported = output().trim().split('\n').length;
  const kept = openStore(path);
  expect(kept.students().length).toBeGreaterThanOrEqual(reported);
  kept.close();
});

test.each([
  ['damaged', Buffer.from('this is not a database, but long enough to be read'.repeat(100))],
  ['empty but for a header', Buffer.from('SQLite format 3\0garbage')],
])('a %s database is refused with a readable error and stays unchanged', (_name, content) => {
  const path = join(folder, 'state.db');
  writeFileSync(path, content);
  expect(() => openStore(path)).toThrow(
    expect.objectContaining({ code: 'bad-settings', what: expect.stringContaining(path) }),
  );
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('a database of the first version keeps its students and journal', () => {
  const path = join(folder, 'state.db');
  const db = new DatabaseSync(path);
  db.exec(`${migrations[0]} PRAGMA user_version = 1`);
  const insert = db.prepare(
    "INSERT INTO students VALUES (?, ?, ?, ?, '2026-01-01T00:00:00.000Z', ?, 1, NULL, NULL)",
  );
  insert.run('alice', 3001, 'alice.test', 'alice', '{"life":"creating","keepsHome":true}');
  insert.run('bob', 3002, 'bob.test', 'bob', '{"life":"present"}');
  insert.run('carol', 3003, 'carol.test', 'carol', '{"life":"removing","keepsHome":false}');
  db.exec(`INSERT INTO intents VALUES ('cloudflare', '{"read":7}')`);
  db.close();
  for (const _time of ['migrates', 'opens the migrated one']) {
    const store = openStore(path);
    expect(store.students()).toEqual([
      { ...row('alice', 3001), uid: 0 },
      { ...row('bob', 3002), state: { kind: 'present' }, uid: 0 },
      { ...row('carol', 3003), state: { kind: 'removing', keepsHome: false }, uid: 0 },
    ]);
    expect(store.journalEntries()).toEqual([{ id: 'cloudflare', body: '{"read":7}' }]);
    store.remember('zone', 'example.com');
    expect(store.recall('zone')).toBe('example.com');
    store.close();
  }
});

test('a database of a newer version is refused with a readable error', () => {
  const path = join(folder, 'state.db');
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 99');
  db.close();
  expect(() => openStore(path)).toThrow(
    expect.objectContaining({ code: 'bad-settings', what: expect.stringContaining('newer') }),
  );
});

test('only one process has the lock; when it is killed, the next one gets it', async () => {
  const { child, output } = runInProcess(`
    const { acquireInstanceLock } = await import(${JSON.stringify(storeModule)});
    acquireInstanceLock(${JSON.stringify(folder)});
    console.log('locked');
    setInterval(() => {}, 1000);`);
  await waitFor('the lock', () => output().includes('locked'));
  expect(() => acquireInstanceLock(folder)).toThrow(
    expect.objectContaining({ code: 'busy', what: expect.stringContaining(String(child.pid)) }),
  );
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  const lock = acquireInstanceLock(folder);
  lock.release();
  acquireInstanceLock(folder).release();
});
