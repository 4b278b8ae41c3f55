/**
 * Kills a real orchestrator between any two calls to Cloudflare and starts it again on the same disk. Once it has
 * reconciled, every desired link is live, devenv has nothing else at Cloudflare, and foreign rules are unchanged.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../../orchestrator/api/client.ts';
import { type Call, type CallPhase, MockCloudflare, pick, seededRandom } from '../cloudflare/index.ts';
import { Daemon, logOf } from '../support/daemon.ts';
import { Installation } from '../support/installation.ts';
import { silentProgress } from '../support/progress.ts';
import { OwnershipChecker } from '../support/schedules/ownership-checker.ts';
import { waitFor } from '../support/wait.ts';

const KILLS = 50;
/** The whole state is checked after every so many kills. */
const CHECK_EVERY = 10;
/** With `dns: student`, one of so many kills hits a write of records. A guest is created and removed to cause one. */
const RECORDS_EVERY = 4;
const STUDENTS = ['alice', 'bob', 'carol'] as const;
/** Is created and removed again and again. */
const GUEST = 'dave';
const ALL_STUDENTS = [...STUDENTS, GUEST] as const;
/** Seconds. The next orchestrator waits as long for late effects of the calls of the killed one. */
const CALL_TIMEOUT = '1';

const seed = Math.floor(Math.random() * 2 ** 31);
const random = seededRandom(seed);

let mock: MockCloudflare;
let devenv: Installation;
let client: ApiClient;
let property: OwnershipChecker;
let daemon: Daemon;
let kills = 0;
/** Kills at a write of records, with `dns: student`. */
let recordKills = 0;
/** The id of the guest's record. */
let guestRecord: string | undefined;
/** Whether the guest must exist once the orchestrator has reconciled; null if both are correct. */
let guestStays: boolean | null = false;

/** Whether records exist from `create` to `rm`. Otherwise they exist while the link is open. */
const recordsStay = () => devenv.env.DEVENV_DNS === 'student';
const hostnameOf = (name: string) => `${name}.${mock.zoneName}`;

/** Ignores the failure of a request whose daemon was killed. */
const request = (student: string, word: 'open' | 'close') =>
  (word === 'open'
    ? client.open(student, false, silentProgress)
    : client.close(student, silentProgress)
  ).catch(() => undefined);

/** Checks the invariants after a call that took effect. */
function inspect(call: Call): void {
  property.check(call);
  if (call.kind !== 'dns-batch' || !call.applied) return;
  const before = guestRecord;
  guestRecord = property.taggedRecord(hostnameOf(GUEST))?.id;
  if (!recordsStay()) return;
  // A guest whose record was created must stay, and one whose record was removed must be gone.
  const { posts = [], deletes = [] } = call.body as {
    posts?: { name: string }[];
    deletes?: { id: string }[];
  };
  if (posts.some(({ name }) => name === hostnameOf(GUEST))) guestStays = true;
  if (deletes.some(({ id }) => id === before)) guestStays = false;
}

/** Kills the daemon when so many of the calls that count have reached a phase. */
function killAt(calls: number, phase: CallPhase, counts: (call: Call) => boolean): void {
  let left = calls;
  mock.onCall = (call, at) => {
    if (at === 'applied') inspect(call);
    if (!counts(call) || at !== phase) return;
    left -= 1;
    if (left !== 0) return;
    if (call.kind === 'dns-batch' && recordsStay()) recordKills += 1;
    daemon.kill();
  };
}

/** Creates the guest, or removes an existing one. The next start finishes or undoes an interrupted operation. */
async function toggleGuest(): Promise<void> {
  const isThere = (await client.list()).some(({ name }) => name === GUEST);
  guestStays = null;
  if (isThere) await client.remove(GUEST, false, silentProgress);
  else await client.create(GUEST, silentProgress, new AbortController().signal);
  guestStays = !isThere;
}

async function killOnce(atRecords: boolean): Promise<void> {
  const phase = pick(random, ['before', 'applied', 'answered'] as const);
  if (atRecords) killAt(1, phase, ({ kind }) => kind === 'dns-batch');
  // While a link is not live, the orchestrator reads the connections all the time; those reads do not count.
  else killAt(1 + Math.floor(random() * 7), phase, ({ kind }) => kind !== 'connections');
  // The kill may hit the start, or the publications afterwards.
  await Promise.race([daemon.up(), daemon.ended()]);
  const guestChange = atRecords && daemon.isAlive ? toggleGuest().catch(() => undefined) : undefined;
  while (daemon.isAlive) {
    await request(pick(random, ALL_STUDENTS), random() < 0.6 ? 'open' : 'close');
    await Promise.race([daemon.ended(), sleep(random() * 60)]);
    if (random() < 0.1) {
      mock.foreign.putConfig((config) => ({
        ...config,
        originRequest: { connectTimeout: Math.ceil(random() * 99) },
      }));
      property.documentWritten();
    }
  }
  await daemon.ended();
  await guestChange;
  kills += 1;
}

const rules = () =>
  property
    .rules()
    .filter((rule) => property.isOurs(rule))
    .map(({ hostname, service }) => `${hostname} → ${service}`)
    .sort();

async function checkAll(dns: 'student' | 'session'): Promise<void> {
  await waitFor('the orchestrator', () =>
    client.daemon().then(
      () => true,
      () => false,
    ),
  );
  const views = await client.list();
  const names = views.map(({ name }) => name);
  const isThere = names.includes(GUEST);
  expect(names).toEqual(isThere ? ALL_STUDENTS : STUDENTS);
  if (guestStays !== null) expect(isThere).toBe(guestStays);
  guestStays = isThere;
  const wanted = names.filter(() => random() < 0.5);
  for (const student of names) await request(student, wanted.includes(student) ? 'open' : 'close');
  const expected = views
    .filter(({ name }) => wanted.includes(name))
    .map(({ hostname, port }) => `${hostname} → http://127.0.0.1:${port}`)
    .sort();
  await waitFor(
    'every link to be as desired',
    async () => {
      const phases = (await client.list()).map(({ name, link }) => [name, link.phase, link.live].join(' '));
      const expectedPhases = names.map((name) =>
        wanted.includes(name) ? `${name} open true` : `${name} closed false`,
      );
      return JSON.stringify(phases) === JSON.stringify(expectedPhases);
    },
    { lastSeen: () => `${rules().join('\n')}\n${logOf(devenv).slice(-3000)}` },
  );
  // A read may time out on a busy machine: retried until one dry run succeeds.
  const isChecked = () => client.sync(true).then(Boolean, () => false);
  await waitFor('a dry run', isChecked, { everyMs: 300 });
  expect(rules()).toEqual(expected);
  const hostnames = property
    .taggedRecords()
    .map(({ name }) => name)
    .sort();
  const needed = names.filter((name) => dns === 'student' || wanted.includes(name));
  expect(hostnames).toEqual(needed.map(hostnameOf));
  expect(property.violations).toEqual([]);
  expect(mock.overlaps).toEqual([]);
  const log = logOf(devenv);
  for (const version of property.lostUpdates.splice(0)) expect(log).toContain(`"read":${version}`);
}

beforeAll(async () => {
  mock = await MockCloudflare.start({ seed });
  mock.foreign.putConfig(() => ({
    ingress: [{ hostname: '*.example.com', service: 'http://10.0.0.7:80' }, { service: 'http_status:404' }],
  }));
  mock.foreign.addRecord({ name: 'shop', type: 'A', content: '192.0.2.7' });
  devenv = await Installation.make({
    env: { ...mock.env(), DEVENV_DNS_GRACE: '0', DEVENV_CLOUDFLARE_TIMEOUT: CALL_TIMEOUT },
  });
  client = new ApiClient(join(devenv.stateDir, 'api.sock'));
  const hostnames = ALL_STUDENTS.map(hostnameOf);
  property = new OwnershipChecker(mock, hostnames, `devenv ${devenv.instance}/`);
  property.recordsWritten(null);
  await Promise.all(STUDENTS.map((student) => devenv.succeed('create', student)));
  await devenv.succeed('down');
});

afterAll(async () => {
  mock.onCall = null;
  daemon?.kill();
  await devenv.remove();
  await mock.stop();
});

test.each(['student', 'session'] as const)(
  `${KILLS / 2} kills between any two calls leave the desired state, with \`dns: %s\` (seed ${seed})`,
  async (dns) => {
    devenv.env.DEVENV_DNS = dns;
    for (let round = 1; round <= KILLS / 2; round += 1) {
      daemon = Daemon.spawn(devenv);
      await killOnce(dns === 'student' && round % RECORDS_EVERY === 0);
      if (round % CHECK_EVERY !== 0 && round !== KILLS / 2) continue;
      mock.onCall = (call, at) => (at === 'applied' ? inspect(call) : undefined);
      daemon = Daemon.spawn(devenv);
      await checkAll(dns);
      daemon.kill();
      await daemon.ended();
    }
  },
);

test('all kills happened, and enough of them hit a write of records', () => {
  expect(kills).toBe(KILLS);
  expect(recordKills).toBeGreaterThanOrEqual(Math.floor(KILLS / 2 / RECORDS_EVERY));
});
