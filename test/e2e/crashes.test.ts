/** Nothing half-made: what fails, is cut off or is killed leaves nothing behind, and the next start makes it right. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
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

test('a port that is busy on the host is skipped; one that is taken later is named, and nothing is left', async () => {
  const first = Number(devenv.env.DEVENV_FIRST_PORT);
  const other = createServer().listen(first, '127.0.0.1');
  await once(other, 'listening');
  await devenv.succeed('create', 'alice');
  expect((await devenv.json<StudentView>('status', 'alice')).port).toBe(first + 1);
  await devenv.succeed('stop', 'alice');
  const thief = createServer().listen(first + 1, '127.0.0.1');
  await once(thief, 'listening');
  const { code, stderr } = await devenv.devenv(['start', 'alice']);
  expect(code).toBe(1);
  expect(stderr).toContain(String(first + 1));
  thief.close();
  other.close();
  await devenv.succeed('start', 'alice');
});

test("a starter that can't be had undoes the whole student", async () => {
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

test('an image that is broken undoes the whole student, and says so', async () => {
  // The tag of the student image on something that can't run: a container of it can be made, but not started. An image
  // of this test's own, since others use the usual one at the same time.
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

test.each([0, 150, 400, 800])(
  'Ctrl-C %i ms into `create` leaves nothing, and says so with exit code 130',
  async (delay) => {
    await devenv.succeed('up');
    const child = spawn(launcher, ['create', 'alice'], {
      env: devenv.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const ended = once(child, 'close');
    await waitFor('the first step', () => stderr.includes('environment') || stderr.includes('ready'), {
      everyMs: 5,
    });
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill('SIGINT');
    const [code] = await ended;
    const there = await devenv.json<StudentView[]>('list');
    if (code === 0) {
      // It was done before the signal came: then it is whole.
      expect(there).toHaveLength(1);
    } else {
      expect(code).toBe(130);
      expect(stderr).toMatch(/undone|left behind/i);
      expect(there).toEqual([]);
      expect(await inEngine()).toEqual([]);
    }
  },
);

test.each([50, 200, 350, 500, 700, 900])(
  'the daemon killed %i ms into `create`: the next start undoes or keeps it whole',
  async (delay) => {
    const pid = await daemonPid();
    const create = devenv.devenv(['create', 'alice']);
    await waitFor('the creation to begin', () => readdirSync(join(devenv.stateDir)).includes('agents'), {
      everyMs: 5,
    });
    await new Promise((resolve) => setTimeout(resolve, delay));
    process.kill(pid, 'SIGKILL');
    const { code, stderr } = await create;
    if (code !== 0) expect(stderr).toMatch(/orchestrator/);
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
  },
);

test('the daemon killed in the middle of `rm`: the next start finishes it', async () => {
  await devenv.succeed('create', 'alice');
  const pid = await daemonPid();
  const removal = devenv.devenv(['rm', 'alice', '--yes']);
  await waitFor(
    'the removal to begin',
    async () =>
      (await inEngine()).length < 2 ||
      (await devenv.json<StudentView[]>('list').catch(() => [])).length === 0,
    { everyMs: 5 },
  );
  process.kill(pid, 'SIGKILL');
  await removal;
  await devenv.succeed('up');
  expect(await inEngine()).toEqual([]);
  expect(await devenv.json<StudentView[]>('list')).toEqual([]);
});
