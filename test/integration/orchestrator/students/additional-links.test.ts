/** DNS records of additional links live as long as the student's own: as the student, or the session and its grace period. */
import { MockCloudflare } from '../../../cloudflare/index.ts';
import { Lab } from '../../../support/lab.ts';
import { waitFor } from '../../../support/wait.ts';

let mock: MockCloudflare;
let lab: Lab;

beforeEach(async () => {
  mock = await MockCloudflare.start();
  lab = new Lab();
});

afterEach(async () => {
  await lab.remove();
  await mock.stop();
});

const bare = (names: string[]) => names.map((name) => name.replace('.example.com', '')).sort();
const rules = () => bare(mock.account.tunnel.hostnames);
const records = () => bare(mock.account.records.map(({ name }) => name));
const batches = () => mock.calls.filter(({ kind }) => kind === 'dns-batch').length;
const reach = (what: string, isReached: () => boolean) =>
  waitFor(what, isReached, {
    everyMs: 10,
    lastSeen: () => JSON.stringify([rules(), records(), lab.log.slice(-2000)]),
  });
const settings = (more: Record<string, string>) => ({ ...mock.env(), DEVENV_LINKS: '2', ...more });

/** Alice serves two ports in a session; resolves when both links are open. */
async function open(): Promise<void> {
  lab.serve('alice', 5173, 4000);
  await reach('both links', () => rules().join() === 'alice,alice-4000');
}

async function leave(): Promise<void> {
  lab.leave('alice');
  await reach('the links to be closed', () => rules().length === 0);
}

test('dns student: the records stay when the student leaves, also over a restart, and a return needs no DNS call', async () => {
  const env = settings({ DEVENV_DNS: 'student' });
  await lab.up(env);
  await lab.create('alice');
  await open();
  expect(lab.students.get('alice').additionalLinks).toMatchObject([{ port: 4000 }]);
  await leave();
  expect(lab.students.get('alice').additionalLinks).toEqual([]);
  expect(records()).toEqual(['alice', 'alice-4000']);
  await lab.down();
  await lab.up(env);
  const before = batches();
  await open();
  await leave();
  expect([records(), batches()]).toEqual([['alice', 'alice-4000'], before]);

  // The hostname stays alice's until she is removed.
  await expect(lab.create('alice-4000')).rejects.toMatchObject({ code: 'conflict' });
  await lab.students.lifecycle.remove('alice', false, { step() {}, done() {}, warn() {} });
  expect(records()).toEqual([]);
  await lab.create('alice-4000');
});

test('dns student: above the limit the port desired last keeps its hostname, and the other hostname is free', async () => {
  await lab.up(settings({ DEVENV_DNS: 'student' }));
  await lab.create('alice');
  await open();
  await leave();
  lab.serve('alice', 5173, 4001);
  await reach('the other link', () => rules().join() === 'alice,alice-4001');
  await reach('the first one’s record to be removed', () => records().join() === 'alice,alice-4001');
  await lab.create('alice-4000');
});

test('dns session: the records stay for the grace period, in which a return needs no DNS call, and go after it', async () => {
  const dnsSession = (graceSeconds: string) =>
    settings({ DEVENV_DNS: 'session', DEVENV_DNS_GRACE: graceSeconds });
  await lab.up(dnsSession('3600'));
  await lab.create('alice');
  await open();
  const before = batches();
  await leave();
  expect(records()).toEqual(['alice', 'alice-4000']);
  await open();
  expect(batches()).toBe(before);
  await lab.down();

  await lab.up(dnsSession('1'));
  await open();
  await leave();
  await reach('both records to be removed', () => records().length === 0);
});

test('a hostname that becomes an additional link during the creation of its student is a conflict, and nothing is created', async () => {
  await lab.up(settings({ DEVENV_DNS: 'student' }));
  await lab.create('alice');
  const { promise, resolve } = Promise.withResolvers<void>();
  lab.preparing = () => promise;
  const creation = lab.create('alice-4000').catch((error: unknown) => error);
  await open();
  resolve();
  expect(await creation).toMatchObject({ code: 'conflict' });
  expect(lab.students.list().map(({ name }) => name)).toEqual(['alice']);
  expect(rules()).toEqual(['alice', 'alice-4000']);
});
