/** Operations that fail or are interrupted leave nothing half-made, and the next start repairs the rest. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { CREATE_REQUESTS, EngineProxy, requestName } from '../support/engine-proxy.ts';
import { Installation, launcher } from '../support/installation.ts';
import { inEngine as ofInstance } from '../support/instance-leftovers.ts';
import { studentImage } from '../support/student-image.ts';
import { waitFor } from '../support/wait.ts';

const docker = new Docker();
let devenv: Installation;

beforeAll(async () => {
  await studentImage();
});

beforeEach(async () => {
  devenv = await Installation.make({ env: { DEVENV_GRACE: '3' } });
});

afterEach(async () => {
  await devenv.remove();
});

const inEngine = () => ofInstance(devenv.instance);
const daemonPid = async () => (await devenv.json<DaemonView>('up')).pid;

test('`create` skips a port that is busy on the host; `start` names one that was taken later', async () => {
  const first = Number(devenv.env.DEVENV_FIRST_PORT);
  const other = createServer().listen(first, '127.0.0.1');
  await once(other, 'listening');
  await devenv.succeed('create', 'alice');
  expect((await devenv.json<StudentView>('status', 'alice')).port).toBe(first + 1);
  await devenv.succeed('stop', 'alice');
  const later = createServer().listen(first + 1, '127.0.0.1');
  await once(later, 'listening');
  const { code, stderr } = await devenv.devenv(['start', 'alice']);
  expect(code).toBe(1);
  expect(stderr).toContain(String(first + 1));
  later.close();
  other.close();
  await devenv.succeed('start', 'alice');
});

test('`create` with an unavailable starter is undone completely', async () => {
  devenv.env.DEVENV_STARTER = 'file:///nowhere/at/all.git';
  const refused = await devenv.devenv(['create', 'alice']);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/starter/)]);
  devenv.env.DEVENV_STARTER = 'http://127.0.0.1:9/class.git';
  await devenv.devenv(['down']);
  const { code, stderr } = await devenv.devenv(['create', 'alice']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/starter/)]);
  expect(await inEngine()).toEqual([]);
  expect(await devenv.json<StudentView[]>('list')).toEqual([]);
  expect(readdirSync(join(devenv.stateDir, 'agents'))).toEqual([]);
});

test('`create` with a broken image is undone completely, and says so', async () => {
  // Puts the image's tag on one whose containers can be created but not started. The image with its own base is
  // this test's alone: other tests use the default one at the same time.
  devenv.env.DEVENV_BASE = 'debian';
  const image = await studentImage({ DEVENV_BASE: 'debian' });
  const [repo = '', tag = ''] = image.split(':');
  await docker.getImage(image).tag({ repo: 'devenv-kept', tag });
  const broken = await docker.importImage(spawn('tar', ['-c', '-C', devenv.stateDir, '.']).stdout, {
    repo,
    tag,
  });
  await new Promise((resolve) => docker.modem.followProgress(broken, resolve));
  try {
    const { code, stderr } = await devenv.devenv(['create', 'alice']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/firewall|start alice/)]);
    expect(await inEngine()).toEqual([]);
  } finally {
    await docker.getImage(image).remove({ force: true });
    await docker.getImage(`devenv-kept:${tag}`).tag({ repo, tag });
    await docker.getImage(`devenv-kept:${tag}`).remove();
  }
  await devenv.succeed('create', 'alice');
});

/** Starts the orchestrator with a proxy in front of the engine, which can interrupt at a request. */
async function startWithProxy(): Promise<EngineProxy> {
  const engine = await EngineProxy.start(join(devenv.stateDir, 'engine.sock'));
  devenv.env.DOCKER_HOST = engine.dockerHost;
  await devenv.succeed('up');
  return engine;
}

test.each([
  ['its first step', null],
  ...CREATE_REQUESTS.map((each) => [requestName(each), each] as const),
] as const)(
  'Ctrl-C after %s of `create` leaves nothing, and says so with exit code 130',
  async (_name, request) => {
    const engine = await startWithProxy();
    const child = spawn(launcher, ['create', 'alice'], {
      env: devenv.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const interrupt = () => void child.kill('SIGINT');
    if (request !== null) engine.interruptAt(request, 'answered', interrupt);
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const ended = once(child, 'close');
    if (request === null) {
      await waitFor('the first step', () => stderr.includes('environment') || stderr.includes('ready'), {
        everyMs: 5,
      });
      interrupt();
    }
    const [code] = await ended;
    expect(engine.hasInterrupted).toBe(true);
    const students = await devenv.json<StudentView[]>('list');
    if (code === 0) {
      // `create` was done before the signal arrived: then the student is complete.
      expect(students).toHaveLength(1);
    } else {
      expect(code).toBe(130);
      expect(stderr).toMatch(/undone|left behind/i);
      expect(students).toEqual([]);
      expect(await inEngine()).toEqual([]);
    }
    await devenv.succeed('down');
    engine.stop();
  },
);

const killPoints = CREATE_REQUESTS.flatMap((request) =>
  (['asked', 'answered'] as const).map((at) => [requestName(request), at, request] as const),
);

test.each(killPoints)(
  'the daemon killed during `create` when %s is %s: the next start undoes or completes the student',
  async (_name, at, request) => {
    const engine = await startWithProxy();
    const pid = await daemonPid();
    engine.interruptAt(request, at, () => process.kill(pid, 'SIGKILL'));
    const { code, stderr } = await devenv.devenv(['create', 'alice']);
    expect(engine.hasInterrupted).toBe(true);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/orchestrator/)]);
    await devenv.succeed('up');
    const students = await devenv.json<StudentView[]>('list');
    if (students.length === 0) {
      await waitFor('nothing to be left', async () => (await inEngine()).length === 0);
      await devenv.succeed('create', 'alice');
    } else
      await waitFor(
        'the environment',
        async () => (await devenv.json<StudentView>('status', 'alice')).environment.state === 'running',
      );
    expect(await inEngine()).toHaveLength(2);
    await devenv.succeed('down');
    engine.stop();
  },
);

test.each([
  { method: 'DELETE', path: /^\/containers\/devenv-test/ },
  { method: 'DELETE', path: /^\/volumes\/devenv-test/ },
])('the daemon killed during `rm` after $method $path: the next start finishes it', async (request) => {
  const engine = await startWithProxy();
  await devenv.succeed('create', 'alice');
  const pid = await daemonPid();
  engine.interruptAt(request, 'answered', () => process.kill(pid, 'SIGKILL'));
  await devenv.devenv(['rm', 'alice', '--yes']);
  expect(engine.hasInterrupted).toBe(true);
  await devenv.succeed('up');
  expect(await inEngine()).toEqual([]);
  expect(await devenv.json<StudentView[]>('list')).toEqual([]);
  await devenv.succeed('down');
  engine.stop();
});
