/** What the firewall's script does to the rules of a host, in a network namespace of the test's own. */
import { FirewallNetwork, rulesWith } from '../../../support/firewall-network.ts';

const HIGH_LIMITS = { connections: 5000, newConnections: 1000, bandwidth: '20m' };

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
  const gone = rulesWith({ bridge: 'dv-gone' });
  await network.iptables('-t', 'raw', '-N', gone.prerouting);
  await network.iptables('-t', 'raw', '-A', gone.prerouting, '-d', '10.66.0.0/24', '-j', 'DROP');
  await network.iptables('-t', 'raw', '-I', 'PREROUTING', '!', '-i', gone.bridge, '-j', gone.prerouting);
  for (const chain of [gone.forward, gone.input]) await network.iptables('-N', chain);
  await network.iptables('-I', 'INPUT', '-i', gone.bridge, '-j', gone.input);
  await network.iptables('-t', 'mangle', '-N', gone.limits.upload);
  await network.iptables('-t', 'mangle', '-I', 'PREROUTING', '-i', gone.bridge, '-j', gone.limits.upload);
  expect(await network.reaches('host', 'student')).toBe(false);

  expect((await network.firewall('install')).code).toBe(0);
  expect(await network.reaches('host', 'student')).toBe(true);
  expect(await network.ruleset()).not.toContain(gone.bridge);
  expect(await reached()).toEqual(nothing);
});

test("a student's connections are limited, and changed limits replace the old ones", async () => {
  const allow = ['10.67.0.2'];
  const limited = rulesWith({ allow, limits: { connections: 200, newConnections: 5, bandwidth: '20m' } });
  await network.firewall('install', limited);
  const tracked = await network.trackedFlows(1000);
  expect(tracked).toBeGreaterThan(100);
  expect(tracked).toBeLessThan(500);
  // A check by the orchestrator keeps the count; packets of known connections pass.
  expect(await network.firewall('ensure', limited)).toEqual({ code: 0, output: 'no Docker rules' });
  expect(await network.trackedFlows(1000)).toBeLessThan(300);

  await network.firewall('ensure', rulesWith({ allow, limits: HIGH_LIMITS }));
  expect(await network.trackedFlows(1000)).toBeGreaterThan(600);
});

test('missing limits are restored, and are no reason to disconnect students', async () => {
  const { bridge, limits } = network.rules;
  for (const rule of [
    ['PREROUTING', '-i', bridge, '-j', limits.upload],
    ['POSTROUTING', '-o', bridge, '-j', limits.download],
  ]) {
    await network.firewall('install');
    await network.iptables('-t', 'mangle', '-D', ...rule);
    expect((await network.firewall('check')).output).toBe('no limits\nno Docker rules');
    await network.firewall('ensure');
    expect((await network.firewall('check')).output).toBe('no Docker rules');
  }
  const v4 = limits.v4.replaceAll('-m hashlimit', '-m unknown-to-this-kernel');
  const refused = await network.firewall('ensure', { limits: { ...limits, v4 } });
  expect(refused).toEqual({ code: 0, output: 'no limits\nno Docker rules' });
  expect(await network.isBridgeUp()).toBe(true);
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
