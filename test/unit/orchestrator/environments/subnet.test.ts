import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findClash,
  freeSubnets,
  parseSubnet,
  readHostRoutes,
  studentsIn,
} from '../../../../orchestrator/environments/subnet.ts';

/** A default route, 172.30.0.0/16 through eth1, 10.77.0.7/32 through eth2; addresses as the kernel prints them. */
const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth1	00001EAC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth2	07004D0A	00000000	0005	0	0	0	FFFFFFFF	0	0	0
`;

const folder = mkdtempSync(join(tmpdir(), 'devenv-routes-'));
const file = join(folder, 'route');
writeFileSync(file, ROUTES);
afterAll(() => rmSync(folder, { recursive: true }));

test('the routes of the host, without the default route', () => {
  expect(readHostRoutes(file)).toEqual([
    { device: 'eth1', subnet: parseSubnet('172.30.0.0/16') },
    { device: 'eth2', subnet: parseSubnet('10.77.0.7/32') },
  ]);
  expect(readHostRoutes(join(folder, 'missing'))).toEqual([]);
});

test('the first free network overlaps nothing that is in use, and has room for a class', () => {
  const routes = readHostRoutes(file).map(({ subnet }) => subnet);
  const [first = ''] = freeSubnets('lab', routes);
  expect(first).toMatch(/^172\.29\.\d+\.0\/24$/);
  expect(studentsIn(first)).toBe(253);
  const [second = ''] = freeSubnets('lab', [...routes, parseSubnet(first)]);
  expect(second).toMatch(/^172\.29\.\d+\.0\/24$/);
  expect(second).not.toBe(first);
  expect(freeSubnets('lab', [parseSubnet('172.16.0.0/12')])).toEqual([]);
});

test.each([
  ['172.30.5.0/24', 'bridge', 'eth1'],
  ['172.30.5.0/24', 'eth1', null],
  ['172.29.5.0/24', 'bridge', null],
  // A route to one address takes at most one student's.
  ['10.77.0.0/24', 'bridge', null],
])('%s on %s clashes with %s', (cidr, bridge, device) => {
  expect(findClash(cidr, bridge, readHostRoutes(file))).toBe(device);
});
