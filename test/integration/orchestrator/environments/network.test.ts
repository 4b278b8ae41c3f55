/** The students' network on a real engine: its size, and what it keeps. */
import Docker from 'dockerode';
import { ensureNetwork, networkOf } from '../../../../orchestrator/environments/network.ts';
import { parseSubnet, readHostRoutes } from '../../../../orchestrator/environments/subnet.ts';
import { removeInstance } from '../../../support/instance-leftovers.ts';
import { currentRun } from '../../../support/test-run.ts';

const docker = new Docker();
const instances = ['one', 'two', 'three'].map((word) => `test-${currentRun}-${word}`);

const ensure = (instance: string, subnet: string | null = null) =>
  ensureNetwork(docker, { instance, stateDir: '/tmp/none', subnet });

async function subnetOf(instance: string): Promise<string> {
  const { IPAM } = await docker.getNetwork(networkOf(instance).name).inspect();
  return IPAM?.Config?.[0]?.Subnet ?? '';
}

afterEach(async () => {
  for (const instance of instances) await removeInstance(instance);
});

test('networks made at the same moment are different /24 networks', async () => {
  await Promise.all(instances.map((instance) => ensure(instance)));
  const subnets = await Promise.all(instances.map(subnetOf));
  expect(subnets).toEqual(instances.map(() => expect.stringMatching(/^172\.\d+\.\d+\.0\/24$/)));
  expect(new Set(subnets).size).toBe(instances.length);
});

test('an existing network is kept, whatever `subnet` says', async () => {
  const [instance = ''] = instances;
  await ensure(instance);
  const before = await subnetOf(instance);
  await ensure(instance, '10.231.7.0/25');
  expect(await subnetOf(instance)).toBe(before);
});

test('`subnet` is used, and one in use by another network is refused with the reason', async () => {
  const [instance = '', other = ''] = instances;
  await ensure(instance, '10.231.7.0/25');
  expect(await subnetOf(instance)).toBe('10.231.7.0/25');
  expect(readHostRoutes().map(({ subnet }) => subnet)).toContainEqual(parseSubnet('10.231.7.0/25'));
  await expect(ensure(other, '10.231.7.0/24')).rejects.toMatchObject({
    code: 'network',
    what: expect.stringContaining('10.231.7.0/24'),
    next: expect.stringContaining('subnet'),
  });
});
