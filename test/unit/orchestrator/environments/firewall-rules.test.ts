/** The iptables rules for the settings. */
import {
  type FirewallRulesOptions,
  firewallRules,
  parseTarget,
} from '../../../../orchestrator/environments/firewall-rules.ts';
import { networkOf } from '../../../../orchestrator/environments/network.ts';

const limits = { connections: 2000, newConnections: 50, bandwidth: '20m' };

test('names of bridge and chains are short enough for the kernel, also for the longest instance', () => {
  const { bridge } = networkOf('a'.repeat(32));
  const rules = firewallRules({ bridge, resolvers: [], limits, allow: [] });
  expect(bridge.length).toBeLessThanOrEqual(15);
  expect(
    Math.max(rules.forward.length, rules.input.length, rules.prerouting.length, rules.limits.download.length),
  ).toBeLessThanOrEqual(28);
  expect(networkOf('a').bridge).not.toBe(networkOf('b').bridge);
});

test('exceptions come before refusals, and traffic to the host ends with a refusal', () => {
  const { v4, v6, forward, input } = firewallRules({
    bridge: 'dv-1',
    resolvers: ['10.0.0.53'],
    limits,
    allow: ['10.1.2.0/24:443'],
  });
  const of = (chain: string) => v4.split('\n').filter((line) => line.startsWith(`-A ${chain} `));
  const allowed = of(forward).findIndex((line) => line.includes('10.1.2.0/24 -p tcp --dport 443 -j RETURN'));
  const refused = of(forward).findIndex((line) => line.includes('10.0.0.0/8 -j REJECT'));
  expect(allowed).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(allowed);
  expect(of(forward).some((line) => line.includes('10.0.0.53 -p udp --dport 53 -j RETURN'))).toBe(true);
  expect(of(input).at(-1)).toBe(`-A ${input} -j REJECT`);
  expect(v6).toContain(`-A ${forward} -j REJECT`);
});

/** The targets and verdicts of the rules for forwarded traffic, in their order. */
function verdicts(options: Partial<FirewallRulesOptions>): string[] {
  const { v4, forward } = firewallRules({ bridge: 'dv-1', resolvers: [], limits, ...options });
  return v4
    .split('\n')
    .filter((line) => line.startsWith(`-A ${forward} `))
    .map((line) => line.slice(`-A ${forward} `.length));
}

test('where `allow` and `deny` overlap, the narrower network decides, and `deny` among equals', () => {
  const rules = verdicts({
    deny: ['203.0.113.0/24', '198.51.100.7', '10.1.2.3:80'],
    allow: ['203.0.113.9:443', '10.1.0.0/16', '198.51.100.7'],
  });
  const settings = rules.slice(
    rules.indexOf('-p tcp --dport 25 -j REJECT') + 1,
    rules.indexOf('-o dv-1 -j REJECT'),
  );
  expect(settings).toEqual([
    '-d 198.51.100.7/32 -j REJECT',
    '-d 10.1.2.3/32 -p tcp --dport 80 -j REJECT',
    '-d 203.0.113.9/32 -p tcp --dport 443 -j RETURN',
    '-d 198.51.100.7/32 -j RETURN',
    '-d 203.0.113.0/24 -j REJECT',
    '-d 10.1.0.0/16 -j RETURN',
  ]);
});

test('port 25 is refused before what is allowed, unless the settings allow it', () => {
  const refusal = '-p tcp --dport 25 -j REJECT';
  const all = verdicts({ allow: ['10.1.0.0/16', '10.1.2.3:25'] });
  expect(all.indexOf(refusal)).toBeLessThan(all.indexOf('-d 10.1.0.0/16 -j RETURN'));
  expect(all.indexOf(refusal)).toBeGreaterThan(all.indexOf('-d 10.1.2.3/32 -p tcp --dport 25 -j RETURN'));
  expect(verdicts({ allowMail: true })).not.toContain(refusal);
});

test.each(['10.1.2.0/24', '10.1.2.3', '10.1.2.3:5432', '0.0.0.0/0'])('%s may be allowed', (text) => {
  expect(() => parseTarget('allow', text)).not.toThrow();
});

test.each([
  '',
  'host',
  '10.1.2.0/33',
  '10.1.2',
  '10.1.2.3:0',
  '10.1.2.3:99999',
  '10.1.2.3 -j ACCEPT',
  'fe80::1',
])('%p is refused', (text) => {
  expect(() => parseTarget('allow', text)).toThrow(expect.objectContaining({ code: 'bad-settings' }));
});

test('while some students have no internet, only the addresses of the others pass, and replies to visitors', () => {
  const { v4, forward, input, egress } = firewallRules({
    bridge: 'dv-1',
    resolvers: ['10.0.0.53'],
    limits,
    sources: ['172.18.0.3'],
  });
  const of = (chain: string) =>
    v4
      .split('\n')
      .filter((line) => line.startsWith(`-A ${chain} `))
      .map((line) => line.slice(`-A ${chain} `.length));
  const first = ['-m conntrack --ctstate ESTABLISHED,RELATED --ctdir REPLY -j RETURN', `-j ${egress}`];
  expect([of(forward).slice(0, 2), of(input).slice(0, 2)]).toEqual([first, first]);
  expect(of(egress)).toEqual([
    '-s 172.18.0.3 -j RETURN',
    '-p tcp -j REJECT --reject-with tcp-reset',
    '-j REJECT',
  ]);
  expect(firewallRules({ bridge: 'dv-1', resolvers: [], limits }).v4).not.toContain(`-A ${egress} `);
});

test('a burst may be as large as the limit of connections, and is remembered until it is earned again', () => {
  const { v4, upload, download } = firewallRules({ bridge: 'dv-1', resolvers: [], limits }).limits;
  expect(v4.split('\n').filter((line) => line.startsWith('-A'))).toEqual([
    `-A ${upload} -m conntrack --ctstate NEW -m hashlimit --hashlimit-above 50/sec --hashlimit-burst 2000 --hashlimit-mode srcip --hashlimit-htable-expire 40000 --hashlimit-name dv-1-new-50-2000 -j DROP`,
    `-A ${upload} -m conntrack --ctstate NEW -m connlimit --connlimit-above 2000 --connlimit-mask 32 --connlimit-saddr -j DROP`,
    `-A ${upload} -m hashlimit --hashlimit-above 20mb/s --hashlimit-burst 40mb --hashlimit-mode srcip --hashlimit-name dv-1-srcip-20m -j DROP`,
    `-A ${download} -m hashlimit --hashlimit-above 20mb/s --hashlimit-burst 40mb --hashlimit-mode dstip --hashlimit-name dv-1-dstip-20m -j DROP`,
  ]);
});
