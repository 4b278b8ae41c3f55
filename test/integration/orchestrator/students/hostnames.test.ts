/** Existing students follow a change of the settings that give hostnames. */
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

const rules = () => mock.account.tunnel.hostnames.sort();
const records = () => mock.account.records.map(({ name }) => name).sort();
const link = (name: string) => lab.students.get(name).link;
const reach = (what: string, isReached: () => boolean) =>
  waitFor(what, isReached, {
    lastSeen: () => JSON.stringify([rules(), records(), lab.students.list(), lab.log.slice(-3000)], null, 1),
  });
const isOpen = (name: string) => link(name).phase === 'open';

test('from the local edge to Cloudflare and back: open links are open at the new hostnames', async () => {
  await lab.up({});
  await lab.create('alice', 'bob');
  lab.serve('alice', 5173);
  await reach('alice to be open', () => isOpen('alice'));
  await lab.down();

  await lab.up(mock.env());
  await reach('alice to be open', () => isOpen('alice') && records().length === 2);
  expect(lab.students.get('alice')).toMatchObject({
    hostname: 'alice.example.com',
    url: 'https://alice.example.com',
  });
  expect([rules(), records()]).toEqual([['alice.example.com'], ['alice.example.com', 'bob.example.com']]);
  const written = mock.calls.filter(({ method }) => method !== 'GET');
  expect(written.map(({ kind }) => kind)).toEqual(['dns-batch', 'config-put']);
  await lab.down();

  await lab.up({});
  await reach('alice to be open', () => isOpen('alice'));
  expect(lab.students.get('alice').url).toMatch(/^http:\/\/alice\.localhost:/);
});

test('another template: old records and rules are removed by owner tag or by origin; a student may get another’s old hostname', async () => {
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-a.example.com' });
  await lab.create('bob', 'bob-a');
  for (const name of ['bob', 'bob-a']) lab.serve(name, 5173);
  await reach('both to be open', () => isOpen('bob') && isOpen('bob-a'));
  expect(rules()).toEqual(['bob-a-a.example.com', 'bob-a.example.com']);
  await lab.down();
  // Its record with the owner tag is lost, as after a change of the zone.
  const [tagged] = mock.account.records.filter(({ name }) => name === 'bob-a-a.example.com');
  mock.foreign.removeRecord(tagged?.id ?? '');

  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}.example.com' });
  await reach('both to be open', () => isOpen('bob') && isOpen('bob-a'));
  expect([rules(), records()]).toEqual([
    ['bob-a.example.com', 'bob.example.com'],
    ['bob-a.example.com', 'bob.example.com'],
  ]);
  const { ingress = [] } = mock.account.tunnel.config ?? {};
  const origin = `http://127.0.0.1:${lab.students.get('bob-a').port}`;
  expect(ingress.find(({ hostname }) => hostname === 'bob-a.example.com')?.service).toBe(origin);
  expect(await lab.students.sync(false)).toEqual([]);
});

test('another template while Cloudflare does not answer, then a restart: the old rule is removed', async () => {
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-a.example.com' });
  await lab.create('alice');
  lab.serve('alice', 5173);
  await reach('alice to be open', () => isOpen('alice'));
  await lab.down();
  for (const { id } of [...mock.account.records]) mock.foreign.removeRecord(id);
  const env = {
    ...mock.env(),
    DEVENV_HOSTNAME: '{student}.example.com',
    DEVENV_CLOUDFLARE_TIMEOUT: '1',
  };

  mock.faults.next({}, 'reset-before', 1000);
  await lab.up(env);
  await reach('the problem', () => link('alice').problem !== null);
  await lab.down();
  mock.faults.clear();
  await lab.up(env);
  await reach('alice to be open', () => isOpen('alice'));
  expect([rules(), records()]).toEqual([['alice.example.com'], ['alice.example.com']]);
});

test('a change to Cloudflare while it does not answer: students keep their hostnames until the zone is known', async () => {
  await lab.up({});
  await lab.create('alice');
  lab.serve('alice', 5173);
  await lab.down();

  mock.faults.next({}, 'reset-before', 1000);
  await lab.up(mock.env());
  await reach('the problem', () => link('alice').problem !== null);
  expect(lab.students.get('alice').hostname).toBe('alice.localhost');
  expect(link('alice').problem?.what).toMatch(/^Cloudflare could not be reached/);
  mock.faults.clear();
  await reach('alice to be open', () => isOpen('alice'));
  expect(lab.students.get('alice').url).toBe('https://alice.example.com');
  expect([rules(), records()]).toEqual([['alice.example.com'], ['alice.example.com']]);
  expect(lab.log).not.toContain('does not end in');
  await lab.down();
  await lab.up(mock.env());
  expect(lab.students.get('alice').hostname).toBe('alice.example.com');
});

test('a hostname that is too long with the new template is that student’s problem only', async () => {
  const long = 'x'.repeat(60);
  await lab.up({});
  await lab.create('alice', long);
  for (const name of ['alice', long]) lab.serve(name, 5173);
  await lab.down();

  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-class.example.com' });
  await reach('alice to be open, and the problem', () => isOpen('alice') && link(long).problem !== null);
  expect(link(long)).toMatchObject({
    phase: 'opening',
    problem: { what: expect.stringMatching(/is too long/), next: expect.stringMatching(/DEVENV_HOSTNAME/) },
  });
  expect(records()).toEqual(['alice-class.example.com']);
});

test('an old record that can’t be removed yet is no problem of the new link', async () => {
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-a.example.com' });
  await lab.create('alice');
  lab.serve('alice', 5173);
  await reach('alice to be open', () => isOpen('alice'));
  await lab.down();
  mock.onCall = ({ kind }, phase) => {
    // The second batch removes what the first one has replaced.
    if (kind === 'dns-batch' && phase === 'answered')
      mock.faults.next({ kind: 'dns-batch' }, { kind: 'rate-limited', retryAfter: 3 });
  };
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}.example.com' });
  await reach('the new link', () => isOpen('alice'));
  expect(link('alice').problem).toBeNull();
  expect(records()).toEqual(['alice-a.example.com', 'alice.example.com']);
  mock.onCall = null;
  await reach('the old record to be removed', () => records().length === 1);
  expect(link('alice').problem).toBeNull();
});
