/** When Docker's own name server is closed, and how environments follow the host's name servers. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { pino } from 'pino';
import { NameResolution } from '../../../../orchestrator/environments/name-resolution.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const FIRST = 'nameserver 10.0.0.53\n';
const SECOND = 'nameserver 192.168.7.1\n';
const OF_ENGINE = 'nameserver 127.0.0.11\n';

interface Environment {
  student: string;
  endpoint: string;
  /** Where `/etc/resolv.conf` is mounted from; null: an environment of an earlier devenv. */
  file: string | null;
}

let stateDir: string;
let clock: ManualClock;
let stop: AbortController;
let content: string;
let running: Environment[];
/** Networks of the helpers. */
let helpers: string[];
let exitCode: number;
let changes: number;
let names: NameResolution;

const docker = {
  listContainers: async () =>
    running.map(({ student, endpoint, file }) => ({
      Id: student,
      ImageID: 'image',
      Mounts: file === null ? [] : [{ Destination: '/etc/resolv.conf', Source: file }],
      NetworkSettings: { Networks: { 'devenv-lab': { EndpointID: endpoint } } },
    })),
  createContainer: async ({ HostConfig }: { HostConfig: Docker.HostConfig }) => {
    helpers.push(HostConfig.NetworkMode ?? '');
    return {
      start: async () => undefined,
      wait: async () => ({ StatusCode: exitCode }),
      logs: async () => Buffer.alloc(0),
      remove: async () => undefined,
    };
  },
} as unknown as Docker;

const folderOf = (student: string) => join(stateDir, 'agents', student);
const fileOf = (student: string) => join(folderOf(student), 'resolv.conf');

/** Starts an environment as the daemon does. */
async function start(student: string, endpoint: string): Promise<void> {
  mkdirSync(folderOf(student), { recursive: true });
  names.place(folderOf(student));
  running.push({ student, endpoint, file: fileOf(student) });
  const inspection = {
    Id: student,
    NetworkSettings: { Networks: { 'devenv-lab': { EndpointID: endpoint } } },
  };
  await names.onStarted({ inspect: async () => inspection } as unknown as Docker.Container, 'image');
}

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'devenv-names-'));
  clock = new ManualClock();
  stop = new AbortController();
  content = FIRST;
  running = [];
  helpers = [];
  exitCode = 0;
  changes = 0;
  names = new NameResolution({
    docker,
    settings: { instance: 'lab', resolvers: [], stateDir },
    log: pino({ level: 'silent' }),
    clock,
    onChanged: async () => {
      changes += 1;
    },
    readFile: () => content,
  });
});

afterEach(() => {
  stop.abort();
  rmSync(stateDir, { recursive: true });
});

test("Docker's name server is closed once at each start", async () => {
  await start('alice', 'first');
  void names.watch(stop.signal);
  await clock.advance(15_000);
  expect(helpers).toEqual(['container:alice']);
  running = [];
  await start('alice', 'second');
  await clock.advance(15_000);
  expect(helpers).toEqual(['container:alice', 'container:alice']);
});

test('it is closed in environments that were started without this daemon, except those of an earlier devenv', async () => {
  running = [
    { student: 'alice', endpoint: 'a', file: null },
    { student: 'bob', endpoint: 'b', file: join(stateDir, '..', 'resolv.conf') },
  ];
  mkdirSync(folderOf('carol'), { recursive: true });
  names.place(folderOf('carol'));
  running.push({ student: 'carol', endpoint: 'c', file: fileOf('carol') });
  void names.watch(stop.signal);
  await clock.advance(15_000);
  expect(helpers).toEqual(['container:carol']);
  expect(changes).toBe(0);
});

test('running environments get changed name servers, and the firewall is updated', async () => {
  await start('alice', 'a');
  await start('bob', 'b');
  void names.watch(stop.signal);
  content = SECOND;
  await clock.advance(15_000);
  expect(['alice', 'bob'].map((student) => readFileSync(fileOf(student), 'utf8'))).toEqual([SECOND, SECOND]);
  expect(changes).toBe(1);
});

test('while the host has no name server that environments reach, they keep those that they have', async () => {
  await start('alice', 'a');
  content = OF_ENGINE;
  void names.watch(stop.signal);
  await clock.advance(15_000);
  expect(readFileSync(fileOf('alice'), 'utf8')).toBe(FIRST);
});

test("an environment that needs Docker's name server keeps it until there are others", async () => {
  content = OF_ENGINE;
  await start('alice', 'a');
  void names.watch(stop.signal);
  await clock.advance(15_000);
  expect(helpers).toEqual([]);
  content = FIRST;
  await clock.advance(15_000);
  expect(readFileSync(fileOf('alice'), 'utf8')).toBe(FIRST);
  expect(helpers).toEqual(['container:alice']);
});

test('a student starts where it cannot be closed; it is not tried again and again', async () => {
  exitCode = 1;
  await start('alice', 'a');
  void names.watch(stop.signal);
  await clock.advance(60_000);
  expect(helpers).toHaveLength(1);
});
