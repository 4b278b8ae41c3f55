/** Further links have their records as long as the student's own: as long as the student, or the session and its grace. */
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
const reach = (what: string, look: () => boolean) =>
  waitFor(what, look, {
    everyMs: 10,
    lastSeen: () => JSON.stringify([rules(), records(), lab.log.slice(-2000)]),
  });
const settings = (more: Record<string, string>) => ({ ...mock.env(), DEVENV_LINKS: '2', ...more });

/** Alice is in and serves two ports; both links are open. */
async function open(): Promise<void> {
  lab.serve('alice', 5173, 4000);
  await reach('both links', () => rules().join() === 'alice,alice-4000');
}

async function leave(): Promise<void> {
  lab.leave('alice');
  await reach('the links to be closed', () => rules().length === 0);
}

test('student: the record stays when the student leaves, after a restart too, and a return needs no DNS call', async () => {
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

  // Its name is the student's as long as they are there.
  await expect(lab.create('alice-4000')).rejects.toMatchObject({ code: 'conflict' });
  await lab.students.lifecycle.remove('alice', false, { step() {}, done() {}, warn() {} });
  expect(records()).toEqual([]);
  await lab.create('alice-4000');
});

test('student: no more than the setting allows: the one that was wanted last stays, and the other’s name is free', async () => {
  await lab.up(settings({ DEVENV_DNS: 'student' }));
  await lab.create('alice');
  await open();
  await leave();
  lab.serve('alice', 5173, 4001);
  await reach('the other link', () => rules().join() === 'alice,alice-4001');
  await reach('the first one’s record to go', () => records().join() === 'alice,alice-4001');
  await lab.create('alice-4000');
});

test('session: the record stays through the grace, within which a return needs no DNS call, and goes then', async () => {
  await lab.up(settings({ DEVENV_DNS: 'session', DEVENV_DNS_GRACE: '5' }));
  await lab.create('alice');
  await open();
  const before = batches();
  await leave();
  const leftAt = performance.now();
  expect(records()).toEqual(['alice', 'alice-4000']);
  await open();
  expect([batches(), performance.now() - leftAt < 5000]).toEqual([before, true]);
  await leave();
  expect(records()).toEqual(['alice', 'alice-4000']);
  await reach('both records to go', () => records().length === 0);
});

test('a name that becomes a further link while its student is being made is a clash, and nothing is made', async () => {
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
