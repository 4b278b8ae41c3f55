/** IPv4 networks: which one the students' bridge gets, and whether it clashes with another one. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A network as the numbers of its first address and of the addresses that it has. */
export interface Subnet {
  first: number;
  size: number;
}

const BITS_OF_DEFAULT = 24;

/** Addresses of a subnet that no student gets: network, broadcast and the host's. */
const RESERVED_ADDRESSES = 3;

const numberOf = (address: string) =>
  address.split('.').reduce((number, part) => number * 256 + Number(part), 0);

/** Parses `10.1.2.0/24`. Bits after the prefix are ignored. */
export function parseSubnet(cidr: string): Subnet {
  const [address = '', bits = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const number = numberOf(address);
  return { first: number - (number % size), size };
}

/** How many students a subnet has room for. */
export const studentsIn = (cidr: string) => Math.max(0, parseSubnet(cidr).size - RESERVED_ADDRESSES);

/** Whether two networks have an address in common. */
const overlaps = (one: Subnet, other: Subnet) =>
  one.first < other.first + other.size && other.first < one.first + one.size;

/** A route of the host to a network. */
export interface HostRoute {
  device: string;
  subnet: Subnet;
}

/** The kernel prints the bytes of an address in the reverse order, as one hex number. */
const fromKernel = (hex: string) =>
  hex
    .match(/../g)
    ?.reverse()
    .reduce((number, byte) => number * 256 + Number.parseInt(byte, 16), 0) ?? 0;

/** The host's routes from `/proc/net/route`, except the default route; none where the file is not readable. */
export function readHostRoutes(file = '/proc/net/route'): HostRoute[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device = '', destination = '', , , , , , mask = ''] = line.split(/\s+/);
      const size = 2 ** 32 - fromKernel(mask);
      if (mask === '' || size === 2 ** 32) return [];
      return [{ device, subnet: { first: fromKernel(destination), size } }];
    });
}

/**
 * The device through which the host reaches addresses of the bridge's network, if it is another one; else null. Routes
 * to single addresses are not counted: they take no student's address as a rule.
 */
export function findClash(cidr: string, bridge: string, routes = readHostRoutes()): string | null {
  const subnet = parseSubnet(cidr);
  const clash = routes.find(
    (route) => route.device !== bridge && route.subnet.size > 1 && overlaps(route.subnet, subnet),
  );
  return clash?.device ?? null;
}

/**
 * Networks for a class, the preferred first: /24 in the part of Docker's usual range that the engine uses last. A
 * bridge with Docker's /16 would let one student fill the host's neighbor table. Each instance begins with another one,
 * so that two installations which start at the same moment rarely try the same.
 */
function* candidates(instance: string): Generator<string> {
  const offset = createHash('sha256').update(instance).digest()[0] ?? 0;
  for (let second = 30; second >= 18; second -= 1)
    for (let third = 0; third < 256; third += 1)
      yield `172.${second}.${(third + offset) % 256}.0/${BITS_OF_DEFAULT}`;
}

/** The candidates for an instance that overlap none of the networks in use. */
export function freeSubnets(instance: string, used: readonly Subnet[]): string[] {
  return [...candidates(instance)].filter((cidr) => !used.some((each) => overlaps(each, parseSubnet(cidr))));
}
