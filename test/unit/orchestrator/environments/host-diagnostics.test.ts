import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { nextWithoutEngine } from '../../../../orchestrator/environments/diagnostics.ts';
import { isThisHost } from '../../../../orchestrator/environments/engine-host.ts';
import { diagnoseDisks, diagnoseMemory } from '../../../../orchestrator/environments/host-diagnostics.ts';
import { diagnoseTables } from '../../../../orchestrator/environments/table-diagnostics.ts';
import { loadSettings } from '../../../../orchestrator/settings.ts';
import { FakeSysctls } from '../../../support/fake-sysctls.ts';

const QUIET = {
  'fs.inotify.max_user_instances': 128,
  'fs.inotify.max_user_watches': 190_000,
  'kernel.pty.max': 4096,
  'kernel.pty.nr': 12,
  'kernel.pty.reserve': 1024,
  'net.ipv4.neigh.default.gc_thresh3': 1024,
  'net.netfilter.nf_conntrack_max': 262_144,
  'net.netfilter.nf_conntrack_count': 90,
};

const folder = mkdtempSync(join(tmpdir(), 'devenv-neighbors-'));
afterAll(() => rmSync(folder, { recursive: true }));

const settings = loadSettings({ env: { DEVENV_STATE_DIR: folder }, hostname: 'h', uid: 0, home: '/root' });

function tables(changes: Record<string, number> = {}, neighbors = 20, students = 30) {
  const host = new FakeSysctls({ ...QUIET, ...changes });
  const statistics = join(folder, 'arp_cache');
  writeFileSync(statistics, `entries  allocs\n${neighbors.toString(16).padStart(8, '0')} 00000193\n`);
  try {
    return diagnoseTables(settings, students, host, statistics);
  } finally {
    host.remove();
  }
}

test('a quiet host with students who each have a uid: every table is checked and fine', () => {
  expect(tables().map(({ subject, ok, next }) => [subject, ok, next])).toEqual(
    ['File watchers', 'Terminals', 'Neighbor table', 'Connection tracking'].map((each) => [each, true, null]),
  );
});

test.each([
  [
    'File watchers',
    () => tables({ 'fs.inotify.max_user_instances': 3 }),
    'fs.inotify.max_user_instances=1024',
  ],
  ['Terminals', () => tables({ 'kernel.pty.nr': 3060 }), 'kernel.pty.max=16384'],
  ['Neighbor table', () => tables({}, 1020), 'net.ipv4.neigh.default.gc_thresh3=8192'],
  [
    'Connection tracking',
    () => tables({ 'net.netfilter.nf_conntrack_count': 240_000 }),
    'net.netfilter.nf_conntrack_max=524288',
  ],
  // 4096 without the reserve of 1024 are enough for 48 students at 64 each.
  ['Terminals', () => tables({}, 20, 49), 'kernel.pty.max=16384'],
  [
    'Connection tracking',
    () => tables({ 'kernel.pty.max': 32_768 }, 20, 132),
    'net.netfilter.nf_conntrack_max=528000',
  ],
])(
  '%s: a table that is full, or too small for the class, names the value and the command',
  (subject, diagnose, setting) => {
    const broken = diagnose().filter(({ ok }) => !ok);
    expect(broken).toEqual([
      expect.objectContaining({ subject, next: expect.stringContaining(`sysctl -w ${setting} && echo`) }),
    ]);
  },
);

test("the limit of file watchers is each student's own, so it does not depend on the class", () => {
  const [watchers] = tables({ 'fs.inotify.max_user_instances': 4 });
  expect(watchers).toMatchObject({ subject: 'File watchers', ok: true });
});

test('a kernel without a table is not checked for it', () => {
  const host = new FakeSysctls({ 'kernel.pty.max': 4096, 'kernel.pty.nr': 1 });
  expect(diagnoseTables(settings, 1, host, join(folder, 'missing')).map(({ subject }) => subject)).toEqual([
    'Terminals',
  ]);
  host.remove();
});

test('memory: fine while the whole class can use its limit, whether it runs or not', () => {
  const total = 8 * 2 ** 30;
  expect(diagnoseMemory(settings, { students: 4, running: 4 }, total)).toMatchObject({
    ok: true,
    next: null,
  });
  const crowded = diagnoseMemory(settings, { students: 8, running: 0 }, total);
  expect(crowded).toMatchObject({ ok: false, found: expect.stringContaining('8 in the class, 0 running') });
  expect(crowded.next).toContain('limits.memory to 1024m');
});

test('disk: where the homes are, with inodes; the state has a line of its own on another file system', async () => {
  const [disk, ...more] = await diagnoseDisks(folder, folder);
  expect(disk).toMatchObject({ subject: 'Disk', found: expect.stringContaining(` in ${folder}`) });
  expect(more).toEqual([]);
  // /proc is a file system of its own without free space.
  const [full, state] = await diagnoseDisks('/proc', folder);
  expect(full).toMatchObject({ ok: false, next: expect.stringContaining('docker system df') });
  expect(state).toMatchObject({ subject: 'State disk' });
});

test('disk: a process that does not see the folder of the homes says so, and checks the disk of its state', async () => {
  const [disk, state] = await diagnoseDisks(join(folder, 'not-here'), folder);
  expect(disk).toMatchObject({ ok: true, found: expect.stringMatching(/^not checked: .*not-here/) });
  expect(state).toMatchObject({ subject: 'State disk' });
});

test('an engine behind an address may be on this host; kernel and memory tell', () => {
  const here = { KernelVersion: release(), MemTotal: totalmem() };
  expect(isThisHost(here, 'tcp://127.0.0.1:2375')).toBe(true);
  expect(isThisHost({ ...here, MemTotal: 1 }, 'tcp://engine:2375')).toBe(false);
  expect(isThisHost({ ...here, MemTotal: 1 }, 'unix:///run/other.sock')).toBe(true);
});

const ENOENT = Object.assign(new Error('connect ENOENT'), { code: 'ENOENT' });
const EACCES = Object.assign(new Error('connect EACCES'), { code: 'EACCES' });
const root = { dockerHost: undefined, uid: 0, isInstalled: true, mayInstall: true };

test.each([
  ['root', ENOENT, root, /^`devenv up` starts it/],
  ['root, not installed', ENOENT, { ...root, isInstalled: false }, /^`devenv up` installs and starts it/],
  [
    'root, DEVENV_NO_INSTALL=1',
    ENOENT,
    { ...root, isInstalled: false, mayInstall: false },
    /^As root: apt-get install/,
  ],
  ['a user', ENOENT, { ...root, uid: 1000 }, /^As root: systemctl start docker/],
  ['a user outside the group', EACCES, { ...root, uid: 1000 }, /group `docker`/],
  ['DOCKER_HOST', ENOENT, { ...root, dockerHost: 'tcp://engine:2375' }, /^Start the engine at DOCKER_HOST/],
])('an engine that does not answer, %s: a fix that works', (_case, error, host, fix) => {
  expect(nextWithoutEngine(error, host)).toMatch(fix);
});
