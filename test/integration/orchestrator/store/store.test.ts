/** The state on disk survives every kill, and one state folder has one daemon. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireInstanceLock, openStore } from '../../../../orchestrator/store/index.ts';
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
  state: { life: 'creating', keepsHome: true },
  shouldRun: true,
  routeMemory: null,
  noticeMemory: null,
});

/** A process of its own that runs a module of ours until it is killed. */
function runElsewhere(script: string): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (data) => {
    output += data;
  });
  return { child, output: () => output };
}

const module = join(import.meta.dirname, '../../../orchestrator/store/index.ts');

test('what is written is read back, changed and removed', () => {
  const path = join(folder, 'state.db');
  const first = openStore(path);
  first.insert(row('bob', 3002));
  first.insert(row('alice', 3001));
  first.update('alice', { state: { life: 'present' }, shouldRun: false, routeMemory: '{}' });
  first.putJournalEntry('publication', '{"a":1}');
  first.close();
  const again = openStore(path);
  expect(again.students()).toEqual([
    { ...row('alice', 3001), state: { life: 'present' }, shouldRun: false, routeMemory: '{}' },
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

test('a process that is killed while it writes loses nothing that it had written', async () => {
  const path = join(folder, 'state.db');
  const { child, output } = runElsewhere(`
    const { openStore } = await import(${JSON.stringify(module)});
    const store = openStore(${JSON.stringify(path)});
    const row = ${JSON.stringify(row('x', 1))};
    for (let port = 1000; ; port += 1) {
      store.insert({ ...row, name: 's' + port, hostname: 'h' + port, socketId: 'i' + port, port });
      console.log(port);
      await new Promise(setImmediate);
    }`);
  await waitFor('some rows', () => output().split('\n').length > 20);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  const told = output().trim().split('\n').length;
  const kept = openStore(path);
  expect(kept.students().length).toBeGreaterThanOrEqual(told);
  kept.close();
});

test.each([
  ['damaged', Buffer.from('this is no database, but long enough to look at'.repeat(100))],
  ['empty but for a header', Buffer.from('SQLite format 3\0garbage')],
])('a %s database is refused in words, and left as it is', (_name, content) => {
  const path = join(folder, 'state.db');
  writeFileSync(path, content);
  expect(() => openStore(path)).toThrow(
    expect.objectContaining({ code: 'bad-settings', what: expect.stringContaining(path) }),
  );
  expect(readFileSync(path).equals(content)).toBe(true);
});

test('a database of a newer version is refused in words', async () => {
  const { DatabaseSync } = await import('node:sqlite');
  const path = join(folder, 'state.db');
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 99');
  db.close();
  expect(() => openStore(path)).toThrow(
    expect.objectContaining({ code: 'bad-settings', what: expect.stringContaining('newer') }),
  );
});

test('one daemon at a time; a holder that is killed never blocks the next', async () => {
  const { child, output } = runElsewhere(`
    const { acquireInstanceLock } = await import(${JSON.stringify(module)});
    acquireInstanceLock(${JSON.stringify(folder)});
    console.log('held');
    setInterval(() => {}, 1000);`);
  await waitFor('the lock to be held', () => output().includes('held'));
  expect(() => acquireInstanceLock(folder)).toThrow(
    expect.objectContaining({ code: 'busy', what: expect.stringContaining(String(child.pid)) }),
  );
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  const lock = acquireInstanceLock(folder);
  lock.release();
  acquireInstanceLock(folder).release();
});
