/** The probes that take seconds: each attack fails, and succeeds with the protection switched off. */
import { loadProbes } from '../support/probes/load.ts';
import { runProbe } from '../support/probes/run.ts';
import { Scene } from '../support/probes/scene.ts';

const probes = (await loadProbes()).filter(({ runs }) => runs === 'ci');
let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene?.close());

test.each(probes.map((probe) => [probe.name, probe] as const))('%s', async (_name, probe) => {
  expect(await runProbe(probe, scene)).toMatchObject({ name: probe.name, problems: [] });
});
