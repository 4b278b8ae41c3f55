/** What an older version stored about links and notices still counts after an update. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { Routes } from '../../../../orchestrator/routes/index.ts';
import { openStore } from '../../../../orchestrator/store/index.ts';
import { migrations } from '../../../../orchestrator/store/schema.ts';
import { routeOf, studentOf } from '../../../../orchestrator/students/student.ts';
import { instantEdge } from '../../../support/agent-sync-rig.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** The version whose JSON had the old keys. */
const OLD_VERSION = 3;

const openLink = {
  wanted: true,
  reason: 'grace',
  since: 1_700_000_000_000,
  openings: 3,
  sessions: [],
  served: true,
  starting: { id: '7:1', until: 5 },
  graceUntil: 1_700_000_030_000,
  ports: [4000],
  linked: [4000, 4001],
  override: null,
  paidAt: 1_700_000_001_000,
  heldUntil: null,
};
const notices = {
  live: '3/7:1',
  server: '5173/9:1',
  starting: '7:1',
  startingAt: 4,
  slow: null,
  waiting: 2,
  problem: 'It said "no".',
  problemUntil: null,
  memoryKill: 6,
  told: 5173,
  changing: { port: 4000, since: 7 },
  seen: [{ port: 5173, since: 8 }],
  others: [4000],
  reason: 'nobody',
  lastId: 11,
  paidAt: 12,
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-migration-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Students with these memories, written by the old version and read by this one. */
function migrated(memories: Record<string, { route: object | null; notice: object | null }>) {
  const path = join(folder, 'state.db');
  const db = new DatabaseSync(path);
  for (const migration of migrations.slice(0, OLD_VERSION)) db.exec(migration);
  db.exec(`PRAGMA user_version = ${OLD_VERSION}`);
  const insert = db.prepare('INSERT INTO students VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  let port = 3000;
  for (const [name, { route, notice }] of Object.entries(memories)) {
    port += 1;
    const json = [route, notice].map((memory) => memory && JSON.stringify(memory));
    insert.run(
      name,
      port,
      `${name}.test`,
      name,
      '',
      '{"kind":"present"}',
      1,
      json[0] ?? null,
      json[1] ?? null,
    );
  }
  db.close();
  const store = openStore(path);
  const students = store.students();
  store.close();
  return students;
}

test('an open link is still open, for the same reason, and its memory has the new keys', async () => {
  const [row] = migrated({ alice: { route: openLink, notice: notices } });
  if (row === undefined) throw new Error('the row is missing');
  const routes = new Routes({
    edge: instantEdge,
    rules: { grace: 30, starting: 60, lease: 30, links: 3 },
    clock: new ManualClock(openLink.since + 1000),
    log: pino({ level: 'silent' }),
    onChange: () => {},
    saveMemory: () => {},
  });
  routes.register(routeOf(row), row.routeMemory, () => null);
  expect(routes.view('alice')).toMatchObject({
    phase: 'opening',
    reason: 'grace',
    since: new Date(openLink.since).toISOString(),
    opening: 3,
  });
  expect(JSON.parse(row.routeMemory ?? '')).toEqual({
    desired: true,
    reason: 'grace',
    since: openLink.since,
    openings: 3,
    sessions: [],
    hasServed: true,
    starting: { id: '7:1', until: 5 },
    graceUntil: openLink.graceUntil,
    additionalPorts: [4000],
    reservedPorts: [4000, 4001],
    override: null,
    tokensFullAt: openLink.paidAt,
    rateLimitedUntil: null,
  });
  expect(studentOf(row).noticeMemory).toEqual({
    announcedFor: '3/7:1',
    announcedServer: '5173/9:1',
    hiddenListener: null,
    startingId: '7:1',
    startingAt: 4,
    slowStartId: null,
    waitingOpening: 2,
    problem: 'It said "no".',
    problemUntil: null,
    isDisconnected: false,
    memoryKillAt: 6,
    mentionedHome: null,
    announcedPort: 5173,
    portChange: { port: 4000, since: 7 },
    webServers: [{ port: 5173, since: 8 }],
    mentionedPorts: [4000],
    reason: 'no-session',
    lastId: 11,
    tokensFullAt: 12,
  });
});

test.each([
  ['nobody', 'no-session'],
  ['too-often', 'rate-limited'],
  ['silent', 'agent-silent'],
  ['serving', 'serving'],
])('the reason %s becomes %s', (before, after) => {
  const [row] = migrated({ alice: { route: { ...openLink, wanted: false, reason: before }, notice: null } });
  expect(JSON.parse(row?.routeMemory ?? '')).toMatchObject({ desired: false, reason: after });
  expect(row?.noticeMemory).toBeNull();
});
