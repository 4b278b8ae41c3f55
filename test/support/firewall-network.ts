/**
 * A host, a student and a neighbor as network namespaces, to run the firewall's script where nothing else is affected: a
 * flush of the real host's rules would open every other student. A server answers on each of them, on port 8000.
 */
import { fileURLToPath } from 'node:url';
import {
  type FirewallRules,
  type FirewallRulesOptions,
  firewallRules,
} from '../../orchestrator/environments/firewall-rules.ts';
import { removeDeadNetworks, removeNamespace } from './attacker-network.ts';
import { $ } from './shell.ts';
import { currentRun } from './test-run.ts';
import { waitFor } from './wait.ts';

const script = fileURLToPath(new URL('../../orchestrator/environments/firewall.sh', import.meta.url));

const SERVER = `require('http').createServer((q, r) => r.end('reached')).listen(8000, '0.0.0.0')`;

const BRIDGE = 'dv-test';
const LIMITS = { connections: 100, newConnections: 5, bandwidth: '20m' };
/** Never leave the namespaces. */
const ADDRESSES = { host: '10.66.0.1', student: '10.66.0.2', neighbor: '10.67.0.2' } as const;
type Place = keyof typeof ADDRESSES;

const namespaces: Record<Place, string> = {
  host: `dvr${currentRun}`,
  student: `dvs${currentRun}`,
  neighbor: `dvn${currentRun}`,
};

/** The rules for the bridge, with other options. */
export const rulesWith = (options: Partial<FirewallRulesOptions>) =>
  firewallRules({ bridge: BRIDGE, resolvers: [], limits: LIMITS, ...options });

export class FirewallNetwork {
  readonly rules: FirewallRules = rulesWith({});
  readonly #servers: AbortController = new AbortController();

  static async create(): Promise<FirewallNetwork> {
    await removeDeadNetworks();
    const network = new FirewallNetwork();
    await network.#connect();
    await network.#serve();
    return network;
  }

  async #connect(): Promise<void> {
    const { host, student, neighbor } = namespaces;
    for (const each of [host, student, neighbor]) {
      await $`ip netns add ${each}`;
      await $`ip -n ${each} link set lo up`;
    }
    await $`ip -n ${host} link add ${BRIDGE} type bridge`;
    await $`ip -n ${host} link add port type veth peer name eth0 netns ${student}`;
    await $`ip -n ${host} link set port master ${BRIDGE}`;
    await $`ip -n ${host} link add lan type veth peer name eth0 netns ${neighbor}`;
    for (const device of [BRIDGE, 'port', 'lan']) await $`ip -n ${host} link set ${device} up`;
    await $`ip -n ${host} addr add ${ADDRESSES.host}/24 dev ${BRIDGE}`;
    await $`ip -n ${host} addr add 10.67.0.1/24 dev lan`;
    // As Docker does: otherwise replies to the student carry the student's address.
    await this.iptables(
      '-t',
      'nat',
      '-A',
      'POSTROUTING',
      '-s',
      '10.66.0.0/24',
      '!',
      '-o',
      BRIDGE,
      '-j',
      'MASQUERADE',
    );
    await $`ip netns exec ${host} sysctl -qw net.ipv4.ip_forward=1`;
    for (const [place, gateway] of [
      ['student', ADDRESSES.host],
      ['neighbor', '10.67.0.1'],
    ] as const) {
      await $`ip -n ${namespaces[place]} addr add ${ADDRESSES[place]}/24 dev eth0`;
      await $`ip -n ${namespaces[place]} link set eth0 up`;
      await $`ip -n ${namespaces[place]} route add default via ${gateway}`;
    }
  }

  async #serve(): Promise<void> {
    for (const place of ['host', 'student', 'neighbor'] as const) {
      // Ends with its namespace.
      void $({
        signal: this.#servers.signal,
      })`ip netns exec ${namespaces[place]} ${process.execPath} -e ${SERVER}`.nothrow();
      await waitFor(`the server of the ${place}`, () => this.reaches(place, place));
    }
  }

  /** Runs the firewall's script on the host. Resolves to its exit code and output. */
  async firewall(
    operation: 'install' | 'ensure' | 'check' | 'remove',
    rules: Partial<FirewallRules> = {},
  ): Promise<{ code: number | null; output: string }> {
    const { bridge, forward, input, egress, prerouting, v4, v6, limits } = { ...this.rules, ...rules };
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      BRIDGE: bridge,
      FORWARD: forward,
      INPUT: input,
      EGRESS: egress,
      PREROUTING: prerouting,
      RULES4: v4,
      RULES6: v6,
      UPLOAD: limits.upload,
      DOWNLOAD: limits.download,
      LIMITS4: limits.v4,
    };
    const { exitCode, stdout } = await $({
      env,
    })`ip netns exec ${namespaces.host} sh ${script} ${operation}`.nothrow();
    return { code: exitCode, output: stdout.trim() };
  }

  /** Runs iptables on the host. */
  async iptables(...args: string[]): Promise<void> {
    await $`ip netns exec ${namespaces.host} iptables ${args}`;
  }

  /** All rules of the host. */
  async ruleset(): Promise<string> {
    const { stdout } = await $`ip netns exec ${namespaces.host} iptables-save`;
    return stdout;
  }

  /** Removes all rules of the host, as `nft flush ruleset` does. */
  async flush(): Promise<void> {
    for (const table of ['filter', 'raw', 'mangle']) {
      await this.iptables('-t', table, '-F');
      await this.iptables('-t', table, '-X');
    }
  }

  /**
   * Sends a UDP packet from the student to each of `count` ports of the neighbor, and resolves to how many entries that
   * added to the host's connection tracking table.
   */
  async trackedFlows(count: number): Promise<number> {
    const tracked = async () =>
      Number(await $`ip netns exec ${namespaces.host} cat /proc/sys/net/netfilter/nf_conntrack_count`.text());
    const send = `const socket = require('dgram').createSocket('udp4'); let left = ${count};
      for (let port = 20000; port < 20000 + ${count}; port++)
        socket.send('x', port, '${ADDRESSES.neighbor}', () => --left || socket.close());`;
    const before = await tracked();
    await $`ip netns exec ${namespaces.student} ${process.execPath} -e ${send}`;
    return (await tracked()) - before;
  }

  /** Whether the server of `to` answers a client in `from`. */
  async reaches(from: Place, to: Place): Promise<boolean> {
    const curl = ['curl', '-s', '-m', '3', '--noproxy', '*'];
    const { stdout } =
      await $`ip netns exec ${namespaces[from]} ${curl} http://${ADDRESSES[to]}:8000/`.nothrow();
    return stdout === 'reached';
  }

  /** Whether the students' bridge is up. */
  async isBridgeUp(): Promise<boolean> {
    const { stdout } = await $`ip -n ${namespaces.host} link show ${BRIDGE} up`;
    return stdout !== '';
  }

  async remove(): Promise<void> {
    for (const each of Object.values(namespaces)) await removeNamespace(each);
    this.#servers.abort();
  }
}
