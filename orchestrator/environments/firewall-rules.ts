/** What students may reach, as iptables rules computed from the settings. */
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { DevenvError } from '../errors.ts';

/**
 * All networks that are not the internet (IANA special-purpose registry): this network, private, shared, loopback,
 * link-local (with the metadata services of clouds), protocol assignments, benchmarking, multicast, reserved.
 */
const REFUSED_NETWORKS = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

export interface FirewallRules {
  bridge: string;
  /** Name of the chain for forwarded traffic. Chain names have at most 28 characters. */
  forward: string;
  /** Name of the chain for traffic to the host itself. */
  input: string;
  /** Name of the chain for traffic from outside to the bridge's addresses. */
  prerouting: string;
  /** Input of `iptables-restore --noflush`. */
  v4: string;
  /** The same for `ip6tables-restore`. */
  v6: string;
}

interface AllowedTarget {
  cidr: string;
  /** Null for every port. */
  port: number | null;
}

/** Parses `10.1.2.0/24` or `10.1.2.3`, each optionally with `:443`. Throws `bad-settings`. */
export function parseAllowed(text: string): AllowedTarget {
  const found = text.match(/^([0-9.]+)(?:\/([0-9]{1,2}))?(?::([0-9]{1,5}))?$/);
  const [, address = '', bits = '32', port] = found ?? [];
  const valid =
    isIPv4(address) &&
    Number(bits) <= 32 &&
    (port === undefined || (Number(port) >= 1 && Number(port) <= 65535));
  if (!valid) {
    throw new DevenvError({
      code: 'bad-settings',
      what: `allow: '${text}' is not an IPv4 network.`,
      next: 'Write it like 10.1.2.0/24, 10.1.2.3 or 10.1.2.3:5432.',
    });
  }
  return {
    cidr: `${address}/${bits}`,
    port: port === undefined ? null : Number(port),
  };
}

/** The host's name servers. Not those on a loopback address: the engine queries them on a container's behalf. */
export function hostResolvers(files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']): string[] {
  const found = new Set<string>();
  for (const file of files) {
    let text = '';
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    for (const [, address = ''] of text.matchAll(/^\s*nameserver\s+(\S+)/gm)) {
      if (isIPv4(address) && !address.startsWith('127.')) found.add(address);
    }
  }
  return [...found];
}

/** The rules for one bridge. Their order matters: replies, name servers, allowed targets, refused networks, all other traffic. */
export function firewallRules(options: {
  bridge: string;
  resolvers: readonly string[];
  allow: readonly string[];
}): FirewallRules {
  const { bridge } = options;
  const forward = `${bridge}-fwd`;
  const input = `${bridge}-in`;
  const prerouting = `${bridge}-pre`;
  const exceptions = [
    '-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN',
    ...options.resolvers.flatMap((address) =>
      ['udp', 'tcp'].map((protocol) => `-d ${address} -p ${protocol} --dport 53 -j RETURN`),
    ),
    ...options.allow
      .map(parseAllowed)
      .map(({ cidr, port }) => `-d ${cidr}${port === null ? '' : ` -p tcp --dport ${port}`} -j RETURN`),
  ];
  const table = (forwarded: string[], own: string[]) =>
    [
      '*filter',
      `:${forward} - [0:0]`,
      `:${input} - [0:0]`,
      ...forwarded.map((rule) => `-A ${forward} ${rule}`),
      ...own.map((rule) => `-A ${input} ${rule}`),
      'COMMIT',
      '',
    ].join('\n');
  const refused = REFUSED_NETWORKS.map((cidr) => `-d ${cidr} -j REJECT`);
  const established = '-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN';
  return {
    forward,
    input,
    prerouting,
    bridge,
    // Other students are refused by their bridge: a setting of the engine may give it public addresses.
    v4: table([...exceptions, `-o ${bridge} -j REJECT`, ...refused], [...exceptions, '-j REJECT']),
    // The bridge has no IPv6, so students have no legitimate IPv6 traffic.
    v6: table([established, '-j REJECT'], [established, '-j REJECT']),
  };
}
