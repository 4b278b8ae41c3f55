/** Hostnames are what the settings give now, for whoever is there already, too. */
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
const route = (name: string) => lab.students.get(name).link;
const reach = (what: string, look: () => boolean) =>
  waitFor(what, look, {
    lastSeen: () => JSON.stringify([rules(), records(), lab.students.list(), lab.log.slice(-3000)], null, 1),
  });
const isOpen = (name: string) => route(name).phase === 'open';

test('from the local edge to Cloudflare and back: links that were open are open at the names of the edge', async () => {
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

test('another template: what stood at the old names goes, by its mark or by where it leads; one may get another’s old name', async () => {
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-a.example.com' });
  await lab.create('bob', 'bob-a');
  for (const name of ['bob', 'bob-a']) lab.serve(name, 5173);
  await reach('both to be open', () => isOpen('bob') && isOpen('bob-a'));
  expect(rules()).toEqual(['bob-a-a.example.com', 'bob-a.example.com']);
  await lab.down();
  // Its mark is lost, as it is where another zone is set.
  const [marked] = mock.account.records.filter(({ name }) => name === 'bob-a-a.example.com');
  mock.foreign.removeRecord(marked?.id ?? '');

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

test('another template while Cloudflare is away, and a daemon that ends before it is back: the old rule goes all the same', async () => {
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
  await reach('the words', () => route('alice').problem !== null);
  await lab.down();
  mock.faults.clear();
  await lab.up(env);
  await reach('alice to be open', () => isOpen('alice'));
  expect([rules(), records()]).toEqual([['alice.example.com'], ['alice.example.com']]);
});

test('Cloudflare away when the edge is changed, its zone never known: everybody keeps what they have until it is', async () => {
  await lab.up({});
  await lab.create('alice');
  lab.serve('alice', 5173);
  await lab.down();

  mock.faults.next({}, 'reset-before', 1000);
  await lab.up(mock.env());
  await reach('the words', () => route('alice').problem !== null);
  expect(lab.students.get('alice').hostname).toBe('alice.localhost');
  expect(route('alice').problem?.what).toMatch(/^Cloudflare could not be reached/);
  mock.faults.clear();
  await reach('alice to be open', () => isOpen('alice'));
  expect(lab.students.get('alice').url).toBe('https://alice.example.com');
  expect([rules(), records()]).toEqual([['alice.example.com'], ['alice.example.com']]);
  expect(lab.log).not.toContain('does not end in');
  await lab.down();
  await lab.up(mock.env());
  expect(lab.students.get('alice').hostname).toBe('alice.example.com');
});

test('a name that is too long with the new template: that student is told, the others are served', async () => {
  const long = 'x'.repeat(60);
  await lab.up({});
  await lab.create('alice', long);
  for (const name of ['alice', long]) lab.serve(name, 5173);
  await lab.down();

  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-class.example.com' });
  await reach('alice to be open, and the words', () => isOpen('alice') && route(long).problem !== null);
  expect(route(long)).toMatchObject({
    phase: 'opening',
    problem: { what: expect.stringMatching(/is too long/), next: expect.stringMatching(/DEVENV_HOSTNAME/) },
  });
  expect(records()).toEqual(['alice-class.example.com']);
});

test('an old name’s record that can’t be removed yet says nothing against the new link', async () => {
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}-a.example.com' });
  await lab.create('alice');
  lab.serve('alice', 5173);
  await reach('alice to be open', () => isOpen('alice'));
  await lab.down();
  mock.onCall = ({ kind }, phase) => {
    // The second batch takes away what the first one has replaced.
    if (kind === 'dns-batch' && phase === 'answered')
      mock.faults.next({ kind: 'dns-batch' }, { kind: 'rate-limited', retryAfter: 3 });
  };
  await lab.up({ ...mock.env(), DEVENV_HOSTNAME: '{student}.example.com' });
  await reach('the new link', () => isOpen('alice'));
  expect(route('alice').problem).toBeNull();
  expect(records()).toEqual(['alice-a.example.com', 'alice.example.com']);
  mock.onCall = null;
  await reach('the old record to be gone', () => records().length === 1);
  expect(route('alice').problem).toBeNull();
});
