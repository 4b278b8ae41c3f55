/** What the firewall's script does to the rules of a host, in a network namespace of the test's own. */
import { firewallRules } from '../../../../orchestrator/environments/firewall-rules.ts';
import { FirewallNetwork } from '../../../support/firewall-network.ts';

let network: FirewallNetwork;

beforeAll(async () => {
  network = await FirewallNetwork.create();
});
afterAll(() => network?.remove());

/** What the student reaches, and whether a neighbor of the host reaches the student. */
const reached = async () => ({
  host: await network.reaches('student', 'host'),
  private: await network.reaches('student', 'neighbor'),
  student: await network.reaches('neighbor', 'student'),
});
const everything = { host: true, private: true, student: true };
const nothing = { host: false, private: false, student: false };

test('it needs no chain of Docker, and a flush of all rules is undone', async () => {
  expect(await reached()).toEqual(everything);
  expect(await network.firewall('ensure')).toEqual({ code: 0, output: 'installed\nno Docker rules' });
  expect(await reached()).toEqual(nothing);
  expect(await network.reaches('host', 'student')).toBe(true);

  await network.flush();
  expect(await reached()).toEqual(everything);
  expect((await network.firewall('check')).code).not.toBe(0);
  expect((await network.firewall('ensure')).output).toMatch(/installed/);
  expect(await reached()).toEqual(nothing);
  expect((await network.firewall('ensure')).output).not.toMatch(/installed/);
});

test('each of its rules is checked', async () => {
  const { bridge, forward, input, prerouting } = network.rules;
  for (const [table, ...rule] of [
    ['filter', 'FORWARD', '-i', bridge, '-j', forward],
    ['filter', 'INPUT', '-i', bridge, '-j', input],
    ['filter', input, '-j', 'REJECT'],
    ['raw', 'PREROUTING', '!', '-i', bridge, '-j', prerouting],
    ['raw', prerouting, '-d', '10.66.0.0/24', '-j', 'DROP'],
  ] as const) {
    await network.iptables('-t', table, '-D', ...rule);
    expect([rule, (await network.firewall('check')).code]).toEqual([rule, 1]);
    expect([rule, (await network.firewall('ensure')).output]).toEqual([rule, 'installed\nno Docker rules']);
  }
});

test('rules of a bridge that is gone, whose network this one has got, do not cut it off from the host', async () => {
  const gone = firewallRules({ bridge: 'dv-gone', resolvers: [] });
  await network.iptables('-t', 'raw', '-N', gone.prerouting);
  await network.iptables('-t', 'raw', '-A', gone.prerouting, '-d', '10.66.0.0/24', '-j', 'DROP');
  await network.iptables('-t', 'raw', '-I', 'PREROUTING', '!', '-i', gone.bridge, '-j', gone.prerouting);
  for (const chain of [gone.forward, gone.input]) await network.iptables('-N', chain);
  await network.iptables('-I', 'INPUT', '-i', gone.bridge, '-j', gone.input);
  expect(await network.reaches('host', 'student')).toBe(false);

  expect((await network.firewall('install')).code).toBe(0);
  expect(await network.reaches('host', 'student')).toBe(true);
  expect(await network.ruleset()).not.toContain(gone.bridge);
  expect(await reached()).toEqual(nothing);
});

test("the jump moves above rules that accept, and is repeated in Docker's chain where that exists", async () => {
  await network.iptables('-I', 'FORWARD', '1', '-j', 'ACCEPT');
  expect(await network.reaches('student', 'neighbor')).toBe(true);
  expect(await network.firewall('install')).toEqual({ code: 0, output: 'no Docker rules' });
  expect(await network.reaches('student', 'neighbor')).toBe(false);
  await network.iptables('-N', 'DOCKER-USER');
  await network.iptables('-I', 'FORWARD', '1', '-j', 'DOCKER-USER');
  expect(await network.firewall('ensure')).toEqual({ code: 0, output: 'installed' });
  expect(await network.firewall('check')).toEqual({ code: 0, output: '' });
});

test('where it cannot be installed, the bridge goes down until it can be', async () => {
  await network.flush();
  expect((await network.firewall('ensure', { v4: 'no rules\n' })).code).toBe(4);
  expect(await network.isBridgeUp()).toBe(false);
  expect(await reached()).toEqual(nothing);
  expect((await network.firewall('ensure')).code).toBe(0);
  expect(await network.isBridgeUp()).toBe(true);
  expect(await reached()).toEqual(nothing);
  expect(await network.reaches('host', 'student')).toBe(true);
});

test('it can be removed', async () => {
  expect((await network.firewall('remove')).code).toBe(0);
  expect(await reached()).toEqual(everything);
});
