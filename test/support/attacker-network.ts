/**
 * Addresses that a student must not reach, in a network namespace that a test creates: no packet leaves the machine,
 * and the test can fail. An HTTP server answers on each of them, on ports 8000 and 25; it reads what it is sent, and
 * its path `/endless` has no end.
 */
import type { ProcessPromise } from 'zx/core';
import { freeLinkNetworks, type LinkNetwork } from './link-networks.ts';
import { $ } from './shell.ts';
import { currentRun, isDeadRun } from './test-run.ts';
import { waitFor } from './wait.ts';

const SERVER = `const zeros = Buffer.alloc(65536);
const endless = (r) => { while (!r.destroyed && r.write(zeros)); r.destroyed || r.once('drain', () => endless(r)); };
for (const port of [25, 8000])
  require('http').createServer((q, r) =>
    q.url === '/endless' ? endless(r) : q.resume().on('end', () => r.end('reached'))).listen(port, '0.0.0.0', () => console.log('up', port))`;

/** `dvt` or, in `firewall-network.ts`, another of these, and the run that created it. */
const NAMESPACE = /^dv[trsn](\d+(?:-[0-9a-z]+)?)$/;

interface InterfaceAddress {
  ifname: string;
  addr_info: { local: string }[];
}

/** The host's end of a namespace's link. Interface names have at most 15 characters, so the run's start is left out. */
const hostDevice = (namespace: string) => `${namespace.split('-')[0]}h`;

/**
 * Gives the host's end of the link an address of a network that nothing else uses. Two runs may choose the same one at
 * the same moment: each adds its address first and then checks that it is alone, so at least one of them notices.
 */
async function addHostAddress(device: string): Promise<LinkNetwork> {
  for (const network of await freeLinkNetworks()) {
    await $`ip addr add ${network.host}/30 dev ${device}`;
    const interfaces = (await $`ip -j -4 addr show`.json()) as InterfaceAddress[];
    const users = interfaces.filter(({ addr_info }) => addr_info.some(({ local }) => local === network.host));
    if (users.every(({ ifname }) => ifname === device)) return network;
    await $`ip addr del ${network.host}/30 dev ${device}`;
  }
  throw new Error('every test network of RFC 5737 is in use on this host: `ip route` shows them');
}

/** Removes a namespace with its processes; the routes to it go with the link. */
export async function removeNamespace(namespace: string): Promise<void> {
  const pids = await $`ip netns pids ${namespace}`.nothrow();
  for (const pid of pids.stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  await $`ip link del ${hostDevice(namespace)}`.nothrow();
  await $`ip netns del ${namespace}`.nothrow();
}

/** Removes the networks of test runs that were killed. */
export async function removeDeadNetworks(): Promise<void> {
  const { stdout } = await $`ip netns list`.nothrow();
  for (const line of stdout.split('\n')) {
    const [name = ''] = line.split(' ');
    const [, run] = name.match(NAMESPACE) ?? [];
    if (run !== undefined && isDeadRun(run)) await removeNamespace(name);
  }
}

export class AttackerNetwork {
  /** The host's end of the link to the namespace. */
  readonly device: string;
  readonly #namespace: string;
  readonly #servers: ProcessPromise[] = [];

  private constructor(namespace: string) {
    this.#namespace = namespace;
    this.device = hostDevice(namespace);
  }

  /** A namespace behind a link of its own, with a route of the host to each address. */
  static async create(addresses: readonly string[]): Promise<AttackerNetwork> {
    await removeDeadNetworks();
    const network = new AttackerNetwork(`dvt${currentRun}`);
    await network.#connect(addresses);
    await network.#serve();
    return network;
  }

  async #connect(addresses: readonly string[]): Promise<void> {
    const [namespace, device, inner] = [this.#namespace, this.device, `${this.device.slice(0, -1)}n`];
    await $`ip netns add ${namespace}`;
    await $`ip link add ${device} type veth peer name ${inner} netns ${namespace}`;
    await $`ip link set ${device} up`;
    const link = await addHostAddress(device);
    await $`ip -n ${namespace} addr add ${link.peer}/30 dev ${inner}`;
    await $`ip -n ${namespace} link set ${inner} up`;
    await $`ip -n ${namespace} link set lo up`;
    await $`ip -n ${namespace} route add default via ${link.host}`;
    for (const address of addresses) {
      await $`ip -n ${namespace} addr add ${address}/32 dev lo`;
      // A metric for each run: two that run at once both keep their routes.
      await $`ip route replace ${address}/32 via ${link.peer} metric ${link.metric}`;
      const [route] = (await $`ip -j route get ${address}`.json()) as { dev: string }[];
      if (!route?.dev.startsWith('dvt'))
        throw new Error(`this host routes ${address} through ${route?.dev}, not to the test's network`);
    }
  }

  async #serve(): Promise<void> {
    let output = '';
    const server = $`ip netns exec ${this.#namespace} ${process.execPath} -e ${SERVER}`.nothrow();
    this.#servers.push(server);
    server.stdout.on('data', (data) => {
      output += data;
    });
    await waitFor(
      'the server in the namespace',
      () => output.includes('up 25') && output.includes('up 8000'),
    );
  }

  /** Starts a name server on one of the addresses. */
  async serveNames(address: string): Promise<void> {
    const program = new URL('name-server.ts', import.meta.url).pathname;
    const server = $`ip netns exec ${this.#namespace} ${process.execPath} ${program} ${address}`.nothrow();
    this.#servers.push(server);
    let output = '';
    server.stdout.on('data', (data) => {
      output += data;
    });
    await waitFor('the name server', () => output.includes('ready'));
  }

  /** HTTP status that a client in the namespace gets from an address behind the host; `000` for no answer. */
  async statusOf(address: string, host: string): Promise<string> {
    const curl = ['curl', '-s', '-m', '4', '--noproxy', '*', '-o', '/dev/null', '-w', '%{http_code}'];
    const { stdout } =
      await $`ip netns exec ${this.#namespace} ${curl} -H ${`Host: ${host}`} ${address}`.nothrow();
    return stdout.trim();
  }

  async remove(): Promise<void> {
    await removeNamespace(this.#namespace);
    await Promise.all(this.#servers);
  }
}
