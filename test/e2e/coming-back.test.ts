/** Recovery after a daemon, a terminal, an agent or an environment was lost, and after a home was kept. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation } from '../support/installation.ts';
import { inEngine as ofInstance } from '../support/instance-leftovers.ts';
import { studentImage } from '../support/student-image.ts';
import { isAlive } from '../support/test-run.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;

beforeAll(async () => {
  await studentImage();
});

beforeEach(async () => {
  devenv = await Installation.make();
});

afterEach(async () => {
  await devenv.remove();
});

const inEngine = () => ofInstance(devenv.instance);
const daemonPid = async () => (await devenv.json<DaemonView>('up')).pid;

async function killDaemon(): Promise<void> {
  const pid = await daemonPid();
  process.kill(pid, 'SIGKILL');
  await waitFor('the daemon to be gone', () => !isAlive(pid));
}

test('after a kill and a restart of the daemon, a serving student has the same session, the link is back, and no notice is repeated', async () => {
  // Longer than the orchestrator and its agents may take to find each other again on a busy machine.
  devenv.env.DEVENV_GRACE = '600';
  await devenv.succeed('create', 'alice');
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  terminal.type('cd hello && npm run dev\r');
  await terminal.see(/live at/);
  const before = await devenv.json<StudentView>('status', 'alice');
  await killDaemon();
  await devenv.succeed('up');
  await waitFor('the link to answer again', async () => (await devenv.statusOf('alice')) === 200);
  const after = await waitFor('the route to be live', async () => {
    const view = await devenv.json<StudentView>('status', 'alice');
    return view.link.live && view.sessions.length > 0 && view;
  });
  expect(after.sessions[0]?.id).toBe(before.sessions[0]?.id);
  expect(terminal.text.match(/live at/g)).toHaveLength(1);

  // A terminal that is lost while no daemon runs counts as lost too.
  await killDaemon();
  process.kill(terminal.pid, 'SIGKILL');
  devenv.env.DEVENV_GRACE = '3';
  await devenv.succeed('up');
  await waitFor('the link to be gone after the grace', async () => (await devenv.statusOf('alice')) === 404);
});

test('the link outlives a lost terminal by the grace, and a student who comes back in time finds it open', async () => {
  // The test never waits this long: below, the link closes because the student leaves.
  devenv.env.DEVENV_GRACE = '600';
  await devenv.succeed('create', 'alice');
  const lost = devenv.terminal(['shell', 'alice']);
  await lost.see(/\$ $/);
  // With setsid the server outlives the terminal; nohup does not work, because Node resets SIGHUP.
  lost.type('cd hello && setsid npm run dev >/dev/null 2>&1 &\r');
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200);
  process.kill(lost.pid, 'SIGKILL');
  await waitFor(
    'the grace',
    async () => (await devenv.json<StudentView>('status', 'alice')).link.reason === 'grace',
  );
  expect((await devenv.visit('alice')).status).toBe(200);
  const back = devenv.terminal(['shell', 'alice']);
  await back.see(/\$ $/);
  await waitFor(
    'the link to be kept open',
    async () => (await devenv.json<StudentView>('status', 'alice')).link.reason === 'serving',
  );
  back.type('exit\r');
  await back.ended;
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
});

test('the link of an environment that is killed from outside closes, and `start` restores the environment with its home', async () => {
  await devenv.succeed('create', 'alice');
  await devenv.devenv(['shell', 'alice', '--', 'echo mine > kept']);
  await devenv.succeed('open', 'alice');
  await waitFor("the relay's page", async () => (await devenv.statusOf('alice')) === 503);
  execFileSync('docker', ['kill', `devenv-${devenv.instance}-alice`]);
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
  expect((await devenv.json<StudentView>('status', 'alice')).link.reason).toBe('stopped');
  await devenv.succeed('start', 'alice');
  expect((await devenv.devenv(['shell', 'alice', '--', 'cat kept'])).stdout).toBe('mine\n');
  execFileSync('docker', ['rm', '-f', `devenv-${devenv.instance}-alice`]);
  await devenv.succeed('start', 'alice');
  expect((await devenv.devenv(['shell', 'alice', '--', 'cat kept'])).stdout).toBe('mine\n');
});

/** Prunes the volumes of this installation, and of no other. */
function pruneVolumes(): string {
  const version = execFileSync('docker', ['version', '-f', '{{.Server.Version}}'], { encoding: 'utf8' });
  // Since version 23, named volumes are only pruned on request.
  const all = Number(version.split('.')[0]) >= 23 ? ['--filter', 'all=1'] : [];
  const ours = ['--filter', `label=devenv.instance=${devenv.instance}`];
  return execFileSync('docker', ['volume', 'prune', '-f', ...all, ...ours], { encoding: 'utf8' });
}

test('a prune deletes no home, also not one of an earlier devenv; it deletes a plain volume', async () => {
  const labels = (student: string) => [
    ...['--label', `devenv.instance=${devenv.instance}`],
    ...['--label', `devenv.student=${student}`],
  ];
  const plain = (student: string) => `devenv-${devenv.instance}-${student}-home`;
  // As an earlier devenv has created it.
  execFileSync('docker', ['volume', 'create', ...labels('alice'), plain('alice')]);
  const write = ['sh', '-c', 'echo mine > ~/kept'];
  execFileSync('docker', [
    'run',
    '--rm',
    '-v',
    `${plain('alice')}:/home/student`,
    await studentImage(),
    ...write,
  ]);
  await devenv.succeed('create', 'alice');
  expect((await devenv.devenv(['shell', 'alice', '--', 'cat kept'])).stdout).toBe('mine\n');

  await devenv.succeed('stop', 'alice');
  execFileSync('docker', ['rm', `devenv-${devenv.instance}-alice`]);
  execFileSync('docker', ['volume', 'create', ...labels('plain'), plain('plain')]);
  const pruned = pruneVolumes();
  expect(pruned).toContain(plain('plain'));
  expect(pruned).not.toContain(plain('alice'));
  await devenv.succeed('start', 'alice');
  expect((await devenv.devenv(['shell', 'alice', '--', 'cat kept'])).stdout).toBe('mine\n');
  expect(await inEngine()).toEqual([`/devenv-${devenv.instance}-alice`, plain('alice')]);
});

test('`start` refuses a student whose home is gone, and starts with a new one on request', async () => {
  await devenv.succeed('create', 'alice');
  await devenv.succeed('stop', 'alice');
  execFileSync('docker', ['rm', `devenv-${devenv.instance}-alice`]);
  execFileSync('docker', ['volume', 'rm', `devenv-${devenv.instance}-alice-home`]);
  const { code, stderr } = await devenv.devenv(['start', 'alice']);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/home is gone.*\s.*devenv start alice --new-home/),
  ]);
  expect(await inEngine()).toEqual([]);
  expect(await devenv.succeed('list')).toMatch(/alice .*missing, problem/);
  expect(await devenv.succeed('status', 'alice')).toMatch(/home is gone/);
  await devenv.succeed('start', 'alice', '--new-home');
  await devenv.devenv(['shell', 'alice', '--', 'echo mine > kept']);
  await devenv.succeed('stop', 'alice');
  // A home that exists is kept.
  await devenv.succeed('start', 'alice', '--new-home');
  expect((await devenv.devenv(['shell', 'alice', '--', 'cat kept; ls'])).stdout).toBe('mine\nhello\nkept\n');
});

test('a paused environment counts as stopped, continues after `start` or an unpause, and is then served as before', async () => {
  await devenv.succeed('create', 'alice');
  const container = `devenv-${devenv.instance}-alice`;
  const engineSays = (format: string) =>
    execFileSync('docker', ['inspect', '-f', format, container], { encoding: 'utf8' }).trim();
  const agentIs = async () => (await devenv.json<StudentView>('status', 'alice')).agent.state;
  await waitFor('the agent', async () => (await agentIs()) === 'connected');
  execFileSync('docker', ['pause', container]);
  await devenv.succeed('start', 'alice');
  expect(engineSays('{{.State.Paused}}')).toBe('false');
  await waitFor('the agent', async () => (await agentIs()) === 'connected');

  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  terminal.type('cd hello && npm run dev\r');
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200);
  await terminal.see(/live at/);

  execFileSync('docker', ['pause', container]);
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
  expect(await devenv.succeed('status', 'alice')).toMatch(/environment +stopped\s+next +devenv start alice/);
  execFileSync('docker', ['unpause', container]);
  await waitFor('the page again', async () => (await devenv.statusOf('alice')) === 200);
  expect(await agentIs()).toBe('connected');
  // A paused environment can be stopped.
  execFileSync('docker', ['pause', container]);
  await devenv.succeed('stop', 'alice');
  expect(engineSays('{{.State.Status}}')).toBe('exited');
});

test('a silent agent is restarted, and its link closes when the lease ends', async () => {
  devenv.env.DEVENV_AGENT_RESTART = '3';
  devenv.env.DEVENV_LEASE = '6';
  await devenv.succeed('create', 'alice');
  const agentPid = async () =>
    (await devenv.devenv(['shell', 'alice', '--', 'pgrep -of agent/[m]ain.js'])).stdout.trim();
  const before = await waitFor('the agent', agentPid);
  await devenv.devenv(['shell', 'alice', '--', `kill -STOP ${before}`]);
  await waitFor('another agent', async () => ![before, ''].includes(await agentPid()), {
    everyMs: 300,
  });

  // This one never comes back: each agent that starts is stopped.
  await devenv.succeed('open', 'alice');
  await waitFor('the link', async () => (await devenv.statusOf('alice')) === 503);
  const silence = 'while :; do pkill -STOP -f agent/[m]ain.js; sleep 0.05; done';
  await devenv.devenv(['shell', 'alice', '--', `nohup sh -c '${silence}' >/dev/null 2>&1 &`]);
  await waitFor(
    'the lease to be over',
    async () => (await devenv.json<StudentView>('status', 'alice')).link.reason === 'agent-silent',
  );
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
});

test('--keep-home keeps only the home, and the next `create` of that name uses it', async () => {
  await devenv.succeed('create', 'alice');
  await devenv.succeed('shell', 'alice', '--', 'echo mine > kept; rm -r hello');
  await devenv.succeed('rm', 'alice', '--yes', '--keep-home');
  expect(await inEngine()).toEqual([`devenv-${devenv.instance}-alice-home`]);
  await devenv.succeed('create', 'alice');
  expect(await devenv.succeed('shell', 'alice', '--', 'cat kept; ls')).toBe('mine\nkept\n');
});

test("a new home starts with a copy of the instructor's starter folder", async () => {
  const folder = join(devenv.stateDir, 'lesson-1');
  execFileSync('mkdir', ['-p', join(folder, 'src')]);
  writeFileSync(join(folder, 'src', 'task.txt'), 'do this\n');
  devenv.env.DEVENV_STARTER = folder;
  await devenv.succeed('create', 'alice');
  expect(
    (await devenv.devenv(['shell', 'alice', '--', 'cat lesson-1/src/task.txt; touch lesson-1/mine && ls -A']))
      .stdout,
  ).toMatch(/do this\n[\s\S]*lesson-1/);
});
