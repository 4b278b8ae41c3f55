/** What `devenv doctor` finds by sending packets in the students' network of a real engine. */
import Docker from 'dockerode';
import { installFirewall } from '../../../../orchestrator/environments/firewall-helper.ts';
import { firewallRules } from '../../../../orchestrator/environments/firewall-rules.ts';
import { tryFirewall } from '../../../../orchestrator/environments/firewall-trial.ts';
import { ensureNetwork, networkOf } from '../../../../orchestrator/environments/network.ts';
import { removeInstance } from '../../../support/instance-leftovers.ts';
import { studentImage } from '../../../support/student-image.ts';
import { currentRun } from '../../../support/test-run.ts';

const docker = new Docker();
const instance = `test-${currentRun}-trial`;
const network = networkOf(instance);
let image: string;

beforeAll(async () => {
  image = await studentImage();
  await ensureNetwork(docker, { instance, stateDir: '/tmp/none', subnet: null });
});

afterAll(() => removeInstance(instance));

const helpers = () =>
  docker.listContainers({ all: true, filters: { label: [`devenv.helper=${network.bridge}`] } });

test('without the firewall a student reaches the host, with it neither the host nor other students', async () => {
  const trial = { docker, image, network };
  expect(await tryFirewall(trial)).toMatchObject({ reachesHost: true });
  const limits = { connections: 2000, newConnections: 50, bandwidth: '20m' };
  const rules = firewallRules({ bridge: network.bridge, resolvers: [], limits });
  expect(await installFirewall(docker, image, rules)).toMatchObject({ kind: 'active' });
  expect(await tryFirewall(trial)).toEqual({ reachesHost: false, reachesStudents: false });
  expect(await helpers()).toEqual([]);
});
