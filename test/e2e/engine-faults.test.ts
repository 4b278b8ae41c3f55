/** Engine failures during `create` and `rm`: nothing half-made remains, and the command says what happened. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { CREATE_REQUESTS, EngineProxy, requestName } from '../support/engine-proxy.ts';
import { Installation } from '../support/installation.ts';
import { inEngine, removeInstance } from '../support/instance-leftovers.ts';
import { studentImage } from '../support/student-image.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;
let engine: EngineProxy;

beforeAll(async () => {
  await studentImage();
  devenv = await Installation.make();
  engine = await EngineProxy.start(join(devenv.stateDir, 'engine.sock'));
  devenv.env.DOCKER_HOST = engine.dockerHost;
  await devenv.succeed('up');
});

/** Each test begins without a student and without a network. */
afterEach(async () => {
  const students = await devenv.json<StudentView[]>('list');
  if (students.length > 0) await devenv.succeed('rm', 'alice', '--yes');
  await removeInstance(devenv.instance);
});

afterAll(async () => {
  await devenv.remove();
  engine.stop();
});

const diskFull = { status: 500, message: 'write /var/lib/docker/tmp: no space left on device' };

async function expectNothing(): Promise<void> {
  expect(await inEngine(devenv.instance)).toEqual([]);
  expect(await devenv.json<StudentView[]>('list')).toEqual([]);
  const agents = join(devenv.stateDir, 'agents');
  expect(existsSync(agents) ? readdirSync(agents) : []).toEqual([]);
}

test.each(CREATE_REQUESTS.map((rule) => [requestName(rule), rule] as const))(
  'a full disk at %s is reported and undone, and the next `create` works',
  async (_name, rule) => {
    engine.failNextRequest({ ...rule, fault: diskFull });
    const { code, stderr } = await devenv.devenv(['create', 'alice']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('The disk is full')]);
    expect(engine.isRuleUsed).toBe(true);
    expect(stderr).toContain('docker system df');
    await expectNothing();
    await devenv.succeed('create', 'alice');
  },
);

test.each(CREATE_REQUESTS.map((rule) => [requestName(rule), rule] as const))(
  'an engine that stops at %s is reported, and the creation is undone once the engine is back',
  async (_name, rule) => {
    engine.failNextRequest({ ...rule, fault: 'stop' });
    const { code, stderr } = await devenv.devenv(['create', 'alice']);
    expect(engine.isRuleUsed).toBe(true);
    expect([code, stderr]).toEqual([1, expect.stringContaining('Docker engine stopped answering')]);
    await engine.listen();
    await waitFor('the creation to be undone', async () => (await inEngine(devenv.instance)).length === 0);
    await devenv.succeed('create', 'alice');
    expect(await devenv.json<StudentView[]>('list')).toHaveLength(1);
  },
);

test('a `create` right after the engine is back does not collide with the undo', async () => {
  engine.failNextRequest({ method: 'POST', path: /^\/containers\/devenv-test[^/]*\/start/, fault: 'stop' });
  expect((await devenv.devenv(['create', 'alice'])).code).toBe(1);
  await engine.listen();
  await devenv.succeed('create', 'alice');
  expect(await devenv.json<StudentView[]>('list')).toHaveLength(1);
});

test.each([
  { method: 'DELETE', path: /^\/containers\/devenv-test/ },
  { method: 'DELETE', path: /^\/volumes\/devenv-test/ },
])('`rm` reports a failure at $method $path, and finishes when it is run again', async (rule) => {
  await devenv.succeed('create', 'alice');
  engine.failNextRequest({ ...rule, fault: { status: 500, message: 'driver failed' } });
  const { code, stderr } = await devenv.devenv(['rm', 'alice', '--yes']);
  expect(engine.isRuleUsed).toBe(true);
  expect([code, stderr]).toEqual([1, expect.stringContaining('driver failed')]);
  await devenv.succeed('rm', 'alice', '--yes');
  await expectNothing();
});

test('an `rm` whose engine stops is finished once the engine is back', async () => {
  await devenv.succeed('create', 'alice');
  engine.failNextRequest({ method: 'DELETE', path: /^\/containers\/devenv-test/, fault: 'stop' });
  const { code, stderr } = await devenv.devenv(['rm', 'alice', '--yes']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('Docker engine stopped answering')]);
  await engine.listen();
  await waitFor('the removal to be finished', async () => (await inEngine(devenv.instance)).length === 0);
  expect(await devenv.json<StudentView[]>('list')).toEqual([]);
});
