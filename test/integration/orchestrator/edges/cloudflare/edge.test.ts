/** From a desired link to records and rules: order, ownership, batching, and no call where nothing differs. */
import { MockCloudflare } from '../../../../cloudflare/index.ts';
import { CloudflareRig } from '../../../../support/cloudflare-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let mock: MockCloudflare;
let rig: CloudflareRig;

const foreignConfig = {
  'warp-routing': { enabled: true },
  originRequest: { connectTimeout: 12, noTLSVerify: false },
  ingress: [
    {
      hostname: 'shop.example.com',
      service: 'http://10.0.0.5:80',
      originRequest: { httpHostHeader: 'shop' },
    },
    { hostname: '*.example.com', path: '/old', service: 'http://10.0.0.6:80' },
    { hostname: '*.example.com', service: 'http://10.0.0.7:80' },
    { service: 'http_status:404' },
  ],
};

const kinds = (from = 0) => mock.calls.slice(from).map(({ kind }) => kind);
const allOpen = (names: string[]) =>
  waitFor('all to be open', () => names.every((name) => rig.phase(name) === 'open'), {
    lastSeen: () => JSON.stringify(names.map((name) => rig.view(name))) + rig.log.text(),
  });

beforeEach(async () => {
  mock = await MockCloudflare.start();
  rig = new CloudflareRig(mock);
});

afterEach(async () => {
  await rig.stop();
  await mock.stop();
});

const students = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);

test('a student gets a tagged record at once, a rule while the link is desired, and loses both with `rm`', async () => {
  rig.registerStudent('alice');
  await rig.start();
  await waitFor('the record', () => rig.records().length === 1, { lastSeen: rig.log.text });
  expect(mock.account.records[0]).toMatchObject({
    name: 'alice.example.com',
    type: 'CNAME',
    content: mock.account.tunnelHostname,
    proxied: true,
    comment: 'devenv lab/alice',
  });
  expect(rig.rules().some((rule) => rule.startsWith('alice'))).toBe(false);
  rig.setDesired('alice', true);
  await allOpen(['alice']);
  expect(rig.rules()).toEqual(['alice.example.com → http://127.0.0.1:3001', '* → http_status:404']);
  rig.setDesired('alice', false);
  await waitFor('closed', () => rig.phase('alice') === 'closed');
  expect(rig.rules()).toEqual(['* → http_status:404']);
  expect(rig.records()).toHaveLength(1);
  await rig.unregister('alice');
  expect(rig.records()).toEqual([]);
});

test('removing a student while Cloudflare refuses or is unreachable tells why something may be left; the log has it once', async () => {
  for (const [index, name] of ['alice', 'bob'].entries()) rig.registerStudent(name, 3001 + index);
  await rig.start();
  for (const name of ['alice', 'bob']) rig.setDesired(name, true);
  await allOpen(['alice', 'bob']);
  const said = () =>
    rig.log
      .lines()
      .filter(({ msg }) => msg.includes('removed link'))
      .map(({ level, msg }) => `${level} ${msg}`);
  const left = (why: string) => expect.stringMatching(`^40 the edge may still have .*: ${why}`);
  mock.faults.next({ kind: 'config-put' }, 'refused', 2);
  expect(await rig.unregister('alice')).toMatchObject({
    what: expect.stringMatching(/does not let this token change the tunnel’s rules/),
    next: expect.stringMatching(/Cloudflare Tunnel \/ Edit/),
  });
  await rig.reconciler.reconcile(true);
  expect(said()).toEqual([left('Cloudflare does not let this token')]);
  // No student is registered any more, and nothing can be read.
  mock.faults.next({}, 'reset-before', 1000);
  expect(await rig.unregister('bob')).toMatchObject({
    what: expect.stringMatching(/could not be reached/),
    next: expect.stringMatching(/retries automatically/),
  });
  expect(rig.rules()).toHaveLength(3);
  mock.faults.clear();
  await waitFor('all to be gone', () => rig.rules().length === 1 && rig.records().length === 0);
  await waitFor('the log to say so', () => said().length === 5);
  expect(
    said()
      .slice(-2)
      .map((line) => line.slice(0, 24)),
  ).toEqual(['30 the edge has nothing ', '30 the edge has nothing ']);
});

test('thirty at once: one GET and one PUT, nothing when nothing differs, and what is foreign stays as it was', async () => {
  mock.foreign.putConfig(() => structuredClone(foreignConfig));
  const names = students(30);
  names.forEach((name, index) => {
    rig.registerStudent(name, 3001 + index);
  });
  await rig.start();
  // Its last call reads the configuration: between two of its calls none is open either.
  await waitFor('the first run', () => rig.runsEnded > 0);
  expect(rig.records()).toHaveLength(30);
  const before = mock.calls.length;
  for (const name of names) rig.setDesired(name, true);
  await allOpen(names);
  expect(kinds(before)).toEqual(['config-get', 'config-put']);
  const { config } = mock.account.tunnel;
  const ingress = config?.ingress as { hostname?: string }[];
  expect({ ...config, ingress: ingress.filter(({ hostname }) => !/^s\d/.test(hostname ?? '')) }).toEqual(
    foreignConfig,
  );
  // Before the first rule that would take their visitors.
  expect(ingress.findIndex(({ hostname }) => hostname?.startsWith('*'))).toBe(31);
  rig.setDesired('s0', true);
  rig.setDesired('s1', false);
  rig.setDesired('s1', true);
  await rig.whenIdle();
  expect(kinds(before)).toHaveLength(2);
});

test('with `dns: session`: one batch, one GET, one PUT for thirty, and a return within the grace needs no DNS call', async () => {
  await rig.stop();
  rig = new CloudflareRig(mock, { dns: 'session', graceMs: 2000 });
  const names = students(30);
  for (const name of names) rig.registerStudent(name);
  await rig.start();
  await waitFor('the first run', () => rig.runsEnded > 0);
  expect(rig.records()).toEqual([]);
  let before = mock.calls.length;
  for (const name of names) rig.setDesired(name, true);
  await allOpen(names);
  expect(kinds(before)).toEqual(['dns-batch', 'config-get', 'config-put']);
  rig.setDesired('s0', false);
  await waitFor('closed', () => rig.phase('s0') === 'closed');
  before = mock.calls.length;
  rig.setDesired('s0', true);
  await allOpen(['s0']);
  expect(kinds(before)).toEqual(['config-get', 'config-put']);
  rig.setDesired('s0', false);
  await waitFor('the record to go after its grace', () => rig.records().length === 29);
  expect(rig.rules()).toHaveLength(30);
});
