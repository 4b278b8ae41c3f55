/** Small networks between a test's two ends of a link, from ranges that no real network uses. */
import { $ } from './shell.ts';

export interface LinkNetwork {
  /** Addresses of the two ends. */
  host: string;
  peer: string;
  /** A route metric that no other link network has. */
  metric: number;
}

/** TEST-NET-2 and TEST-NET-3 (RFC 5737), each with room for 64 networks of four addresses. */
const RANGES = ['198.51.100', '203.0.113'];
const NETWORKS_PER_RANGE = 64;

const candidates: LinkNetwork[] = RANGES.flatMap((range, rangeIndex) =>
  Array.from({ length: NETWORKS_PER_RANGE }, (_, index) => ({
    host: `${range}.${index * 4 + 1}`,
    peer: `${range}.${index * 4 + 2}`,
    metric: 1000 + rangeIndex * NETWORKS_PER_RANGE + index,
  })),
);

const numberOf = (address: string) =>
  address.split('.').reduce((number, part) => number * 256 + Number(part), 0);

/** Whether an IPv4 route's destination (`10.0.0.0/8`, `10.1.2.3`) and the network have an address in common. */
function overlaps(destination: string, { host }: LinkNetwork): boolean {
  const [address = '', bits = '32'] = destination.split('/');
  const [start, size] = [numberOf(address), 2 ** (32 - Number(bits))];
  const linkStart = numberOf(host) - 1;
  return start < linkStart + 4 && linkStart < start + size;
}

/** Those that no route and no address of this host overlaps (each address has a route in the table `local`), shuffled. */
export async function freeLinkNetworks(): Promise<LinkNetwork[]> {
  const routes = (await $`ip -j -4 route show table all`.json()) as { dst: string }[];
  const used = routes.map(({ dst }) => dst).filter((dst) => dst !== 'default');
  return candidates
    .filter((network) => !used.some((destination) => overlaps(destination, network)))
    .map((network) => ({ network, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ network }) => network);
}
