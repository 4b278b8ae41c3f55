/**
 * SIGKILLs of a real orchestrator between any two calls to Cloudflare, each followed by a start on the same disk: when
 * it has come to rest, what is wanted is live, nothing else of ours is there, and what is foreign is as it was.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../../orchestrator/api/client.ts';
import { type Call, type CallPhase, MockCloudflare, pick, seededRandom } from '../cloudflare/index.ts';
import { Daemon, logOf } from '../support/daemon.ts';
import { Installation } from '../support/installation.ts';
import { silentProgress } from '../support/progress.ts';
import { Property } from '../support/schedules/property.ts';
import { waitFor } from '../support/wait.ts';

const KILLS = 50;
/** All is looked at after so many. */
const LOOK_EVERY = 10;
/** With `dns: student` each of so many kills strikes a write of records: students come and go for it. */
const RECORDS_EVERY = 4;
const STUDENTS = ['alice', 'bob', 'carol'] as const;
/** Comes and goes, and may be there or not. */
const GUEST = 'dave';
const EVERYBODY = [...STUDENTS, GUEST] as const;
/** Seconds. The next orchestrator waits as long for late effects of the calls of the killed one. */
const CALL_TIMEOUT = '1';

const seed = Math.floor(Math.random() * 2 ** 31);
const random = seededRandom(seed);

let mock: MockCloudflare;
let devenv: Installation;
let client: ApiClient;
let property: Property;
let daemon: Daemon;
let kills = 0;
/** Kills at a write of records, with `dns: student`. */
let recordKills = 0;
/** The id of the guest's record. */
let guestRecord: string | undefined;
/** Whether the guest must be there when all has come to rest; null where either may be. */
let guestStays: boolean | null = false;

/** From `create` to `rm`: else they come and go with sessions. */
const recordsStay = () => devenv.env.DEVENV_DNS === 'student';
const hostnameOf = (name: string) => `${name}.${mock.zoneName}`;

/** A daemon that is being killed answers no more. */
const wish = (student: string, word: 'open' | 'close') =>
  (word === 'open'
    ? client.open(student, false, silentProgress)
    : client.close(student, silentProgress)
  ).catch(() => undefined);

/** Keeps an eye on every call that took effect. */
function look(call: Call): void {
  property.look(call);
  if (call.kind !== 'dns-batch' || !call.applied) return;
  const before = guestRecord;
  guestRecord = property.markedRecord(hostnameOf(GUEST))?.id;
  if (!recordsStay()) return;
  // Whose record was made is there for good, and whose was removed is gone.
  const { posts = [], deletes = [] } = call.body as {
    posts?: { name: string }[];
    deletes?: { id: string }[];
  };
  if (posts.some(({ name }) => name === hostnameOf(GUEST))) guestStays = true;
  if (deletes.some(({ id }) => id === before)) guestStays = false;
}

/** From now on: ends the daemon when so many calls that count have come to that phase. */
function killAt(calls: number, phase: CallPhase, counts: (call: Call) => boolean): void {
  let left = calls;
  mock.onCall = (call, at) => {
    if (at === 'applied') look(call);
    if (!counts(call) || at !== phase) return;
    left -= 1;
    if (left !== 0) return;
    if (call.kind === 'dns-batch' && recordsStay()) recordKills += 1;
    daemon.kill();
  };
}

/** The guest comes where they are not there, else goes. What is cut off, the next start finishes or undoes. */
async function comeOrGo(): Promise<void> {
  const isThere = (await client.list()).some(({ name }) => name === GUEST);
  guestStays = null;
  if (isThere) await client.remove(GUEST, false, silentProgress);
  else await client.create(GUEST, silentProgress, new AbortController().signal);
  guestStays = !isThere;
}

async function killOnce(atRecords: boolean): Promise<void> {
  const phase = pick(random, ['before', 'applied', 'answered'] as const);
  if (atRecords) killAt(1, phase, ({ kind }) => kind === 'dns-batch');
  // Connectors are asked all the time while a link is not live yet, and never a write.
  else killAt(1 + Math.floor(random() * 7), phase, ({ kind }) => kind !== 'connections');
  // While it starts, and then while it publishes what comes and goes.
  await Promise.race([daemon.up(), daemon.ended()]);
  const moving = atRecords && daemon.isAlive ? comeOrGo().catch(() => undefined) : undefined;
  while (daemon.isAlive) {
    await wish(pick(random, EVERYBODY), random() < 0.6 ? 'open' : 'close');
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
  await moving;
  kills += 1;
}

const rules = () =>
  property
    .rules()
    .filter((rule) => property.isOurs(rule))
    .map(({ hostname, service }) => `${hostname} → ${service}`)
    .sort();

async function lookAtAll(dns: 'student' | 'session'): Promise<void> {
  await waitFor('the orchestrator', () =>
    client.daemon().then(
      () => true,
      () => false,
    ),
  );
  const views = await client.list();
  const names = views.map(({ name }) => name);
  const isThere = names.includes(GUEST);
  expect(names).toEqual(isThere ? EVERYBODY : STUDENTS);
  if (guestStays !== null) expect(isThere).toBe(guestStays);
  guestStays = isThere;
  const wanted = names.filter(() => random() < 0.5);
  for (const student of names) await wish(student, wanted.includes(student) ? 'open' : 'close');
  const expected = views
    .filter(({ name }) => wanted.includes(name))
    .map(({ hostname, port }) => `${hostname} → http://127.0.0.1:${port}`)
    .sort();
  await waitFor(
    'every link to be as wanted',
    async () => {
      const phases = (await client.list()).map(({ name, link }) => [name, link.phase, link.live].join(' '));
      const hoped = names.map((name) =>
        wanted.includes(name) ? `${name} open true` : `${name} closed false`,
      );
      return JSON.stringify(phases) === JSON.stringify(hoped);
    },
    { lastSeen: () => `${rules().join('\n')}\n${logOf(devenv).slice(-3000)}` },
  );
  // Whole: a read that takes longer than the calls may is given up.
  const isLookedAt = () => client.sync(true).then(Boolean, () => false);
  await waitFor('a look at everything', isLookedAt, { everyMs: 300 });
  expect(rules()).toEqual(expected);
  const hostnames = property
    .markedRecords()
    .map(({ name }) => name)
    .sort();
  const needed = names.filter((name) => dns === 'student' || wanted.includes(name));
  expect(hostnames).toEqual(needed.map(hostnameOf));
  expect(property.violations).toEqual([]);
  expect(mock.overlaps).toEqual([]);
  const log = logOf(devenv);
  for (const version of property.lost.splice(0)) expect(log).toContain(`"read":${version}`);
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
  const hostnames = EVERYBODY.map(hostnameOf);
  property = new Property(mock, hostnames, `devenv ${devenv.instance}/`);
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
  `${KILLS / 2} kills between any two calls, with \`dns: %s\` (seed ${seed})`,
  async (dns) => {
    devenv.env.DEVENV_DNS = dns;
    for (let round = 1; round <= KILLS / 2; round += 1) {
      daemon = Daemon.spawn(devenv);
      await killOnce(dns === 'student' && round % RECORDS_EVERY === 0);
      if (round % LOOK_EVERY !== 0 && round !== KILLS / 2) continue;
      mock.onCall = (call, at) => (at === 'applied' ? look(call) : undefined);
      daemon = Daemon.spawn(devenv);
      await lookAtAll(dns);
      daemon.kill();
      await daemon.ended();
    }
  },
);

test('they were as many as promised, and enough of them struck records', () => {
  expect(kills).toBe(KILLS);
  expect(recordKills).toBeGreaterThanOrEqual(Math.floor(KILLS / 2 / RECORDS_EVERY));
});
