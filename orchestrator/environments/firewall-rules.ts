/** What students may reach, as iptables rules computed from the settings. */
import { isIPv4 } from 'node:net';
import { DevenvError } from '../errors.ts';
import { type Limits, type TrafficLimits, trafficLimits } from './traffic-limits.ts';

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
  /** Name of the chain for the students' own traffic while some of them have no internet. */
  egress: string;
  /** Name of the chain for traffic from outside to the bridge's addresses. */
  prerouting: string;
  /** Input of `iptables-restore --noflush`. */
  v4: string;
  /** The same for `ip6tables-restore`. */
  v6: string;
  limits: TrafficLimits;
}

/** Port on which mail servers talk to each other: open, it makes a class a source of spam. */
const SMTP_PORT = 25;

/** An entry of `allow` or `deny`. */
interface Target {
  cidr: string;
  /** Bits of the network's prefix: the more, the narrower. */
  bits: number;
  /** Null for every port. */
  port: number | null;
}

/** Parses `10.1.2.0/24` or `10.1.2.3`, each optionally with `:443`. Throws `bad-settings`. */
export function parseTarget(setting: 'allow' | 'deny', text: string): Target {
  const found = text.match(/^([0-9.]+)(?:\/([0-9]{1,2}))?(?::([0-9]{1,5}))?$/);
  const [, address = '', bits = '32', port] = found ?? [];
  const valid =
    isIPv4(address) &&
    Number(bits) <= 32 &&
    (port === undefined || (Number(port) >= 1 && Number(port) <= 65535));
  if (!valid) {
    throw new DevenvError({
      code: 'bad-settings',
      what: `${setting}: '${text}' is not an IPv4 network.`,
      next: 'Write it like 10.1.2.0/24, 10.1.2.3 or 10.1.2.3:5432.',
    });
  }
  return {
    cidr: `${address}/${bits}`,
    bits: Number(bits),
    port: port === undefined ? null : Number(port),
  };
}

export interface FirewallRulesOptions {
  bridge: string;
  /** Name servers. */
  resolvers: readonly string[];
  limits: Limits;
  allow?: readonly string[];
  deny?: readonly string[];
  allowMail?: boolean;
  /** Addresses of the students who reach anything; null: all do. */
  sources?: readonly string[] | null;
}

const matchOf = ({ cidr, port }: Target) => `-d ${cidr}${port === null ? '' : ` -p tcp --dport ${port}`}`;

/**
 * The settings' rules. Where `allow` and `deny` both contain an address, the narrower network decides; `deny` if they are
 * equal. Port 25 is refused first, except where `allow` names it.
 */
function targetRules({ allow = [], deny = [], allowMail = false }: FirewallRulesOptions): string[] {
  const allowed = allow.map((text) => ({ ...parseTarget('allow', text), verdict: 'RETURN' }));
  const denied = deny.map((text) => ({ ...parseTarget('deny', text), verdict: 'REJECT' }));
  const ruleOf = (target: Target & { verdict: string }) => `${matchOf(target)} -j ${target.verdict}`;
  const mail = allowMail
    ? []
    : [
        ...allowed.filter(({ port }) => port === SMTP_PORT).map(ruleOf),
        `-p tcp --dport ${SMTP_PORT} -j REJECT`,
      ];
  // Sorting is stable, so `deny` comes first among equals.
  return [...mail, ...[...denied, ...allowed].sort((a, b) => b.bits - a.bits).map(ruleOf)];
}

/** The rules for one bridge. Their order matters: replies, name servers, settings, refused networks, all other traffic. */
export function firewallRules(options: FirewallRulesOptions): FirewallRules {
  const { bridge } = options;
  const forward = `${bridge}-fwd`;
  const input = `${bridge}-in`;
  const egress = `${bridge}-out`;
  const prerouting = `${bridge}-pre`;
  const { sources = null } = options;
  // Replies to visitors are no traffic of the student's own; what the student has connected to before is.
  const restriction =
    sources === null
      ? []
      : ['-m conntrack --ctstate ESTABLISHED,RELATED --ctdir REPLY -j RETURN', `-j ${egress}`];
  const ownTraffic =
    sources === null
      ? []
      : [
          ...sources.map((address) => `-s ${address} -j RETURN`),
          '-p tcp -j REJECT --reject-with tcp-reset',
          '-j REJECT',
        ];
  const exceptions = [
    ...restriction,
    '-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN',
    ...options.resolvers.flatMap((address) =>
      ['udp', 'tcp'].map((protocol) => `-d ${address} -p ${protocol} --dport 53 -j RETURN`),
    ),
    ...targetRules(options),
  ];
  const table = (forwarded: string[], toHost: string[], own: string[]) =>
    [
      '*filter',
      `:${forward} - [0:0]`,
      `:${input} - [0:0]`,
      `:${egress} - [0:0]`,
      ...forwarded.map((rule) => `-A ${forward} ${rule}`),
      ...toHost.map((rule) => `-A ${input} ${rule}`),
      ...own.map((rule) => `-A ${egress} ${rule}`),
      'COMMIT',
      '',
    ].join('\n');
  const refused = REFUSED_NETWORKS.map((cidr) => `-d ${cidr} -j REJECT`);
  const established = '-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN';
  return {
    forward,
    input,
    egress,
    prerouting,
    bridge,
    limits: trafficLimits(bridge, options.limits),
    // Other students are refused by their bridge: a setting of the engine may give it public addresses.
    v4: table(
      [...exceptions, `-o ${bridge} -j REJECT`, ...refused],
      [...exceptions, '-j REJECT'],
      ownTraffic,
    ),
    // The bridge has no IPv6, so students have no legitimate IPv6 traffic.
    v6: table([established, '-j REJECT'], [established, '-j REJECT'], []),
  };
}
