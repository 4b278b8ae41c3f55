/** The whole product while the disk of the state folder is full: everything goes on, and nothing is lost. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import type { Diagnostic } from '../../orchestrator/domain.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Daemon } from '../support/daemon.ts';
import { Installation } from '../support/installation.ts';
import { inEngine } from '../support/instance-leftovers.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { studentImage } from '../support/student-image.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;
let disk: SmallDisk;
let alice: Terminal;

beforeAll(async () => {
  await studentImage();
  devenv = await Installation.make();
  disk = await SmallDisk.mount(devenv.stateDir, 16);
  for (const name of ['alice', 'bob', 'carol']) await devenv.succeed('create', name);
  alice = devenv.terminal(['shell', 'alice']);
  await alice.see(/\$ $/);
  await alice.run('cd ~/hello');
  alice.type('npm run dev\r');
  await alice.see(/live at http/);
});

afterAll(async () => {
  await devenv.devenv(['down']);
  await disk.unmount();
  await devenv.remove();
});

const daemon = () => devenv.json<DaemonView>('up');
const viewOf = (name: string) => devenv.json<StudentView>('status', name);
const portsOf = async () =>
  (await devenv.json<StudentView[]>('list')).map(({ name, port }) => [name, port] as const);

test('a student’s Ctrl-C, a new server and another student’s links work as before', async () => {
  const { pid } = await daemon();
  await disk.fill();
  await alice.interrupt();
  alice.type('npm run dev\r');
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200);
  const bob = devenv.terminal(['shell', 'bob']);
  await bob.see(/\$ $/);
  bob.type('cd hello && npm run dev\r');
  await bob.see(/live at http/);
  await bob.leave();
  await waitFor('the end of the link', async () => (await devenv.statusOf('bob')) === 404);
  expect((await daemon()).pid).toBe(pid);
});

test('`close`, `open`, `restart`, `shell`, `sync`, `logs` and `egress` work', async () => {
  await devenv.succeed('close', 'alice');
  await waitFor('the closed link', async () => (await devenv.statusOf('alice')) === 404);
  await devenv.succeed('open', 'alice');
  await waitFor('the open link', async () => (await devenv.statusOf('alice')) === 200);
  await devenv.succeed('restart', 'bob');
  expect(await devenv.succeed('shell', 'bob', '--', 'cat ~/hello/package.json')).toContain('"dev"');
  await devenv.succeed('stop', 'bob');
  await devenv.succeed('egress', 'none', 'carol');
  await devenv.succeed('rm', 'carol', '--yes');
  expect(await devenv.json('sync')).toEqual([]);
  await devenv.succeed('logs');
});

test('`list`, `status`, `doctor`, `up` and their --json say what is wrong and what to do', async () => {
  const problem = {
    code: 'disk-full',
    what: expect.stringContaining(devenv.stateDir),
    next: expect.stringContaining('df -h'),
    nextForStudent: 'Tell your instructor.',
  };
  const students = await devenv.json<StudentView[]>('list');
  expect(students.map(({ orchestrator }) => orchestrator)).toEqual([{ problem }, { problem }]);
  expect((await viewOf('alice')).orchestrator).toEqual({ problem });
  expect((await daemon()).problem).toEqual(problem);
  for (const args of [['list'], ['status', 'alice'], ['up']]) {
    const { code, stderr } = await devenv.devenv(args);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/is full or failing[\s\S]*df -h/)]);
  }
  const doctor = await devenv.devenv(['doctor', '--json']);
  const checks = JSON.parse(doctor.stdout) as Diagnostic[];
  expect(checks.find(({ subject }) => subject === 'Orchestrator')).toMatchObject({ ok: false });
});

test('`create` is refused before anything is made', async () => {
  const before = [await inEngine(devenv.instance), readdirSync(join(devenv.stateDir, 'agents'))];
  const { code, stderr } = await devenv.devenv(['create', 'dave']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/dave can't be created[\s\S]*full[\s\S]*df -h/)]);
  expect([await inEngine(devenv.instance), readdirSync(join(devenv.stateDir, 'agents'))]).toEqual(before);
  expect((await portsOf()).map(([name]) => name)).toEqual(['alice', 'bob']);
});

test('the orchestrator stops and starts on the full disk, and knows everything again', async () => {
  await devenv.succeed('down');
  await disk.fill();
  await devenv.succeed('up');
  expect((await portsOf()).map(([name]) => name)).toEqual(['alice', 'bob']);
  expect((await viewOf('bob')).environment.state).toBe('stopped');
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200);
});

test('when there is space again, everything is saved, and survives a kill', async () => {
  await devenv.succeed('start', 'bob');
  disk.free();
  const { pid } = await waitFor('the saved state', async () => {
    const view = await daemon();
    return view.problem === null && view;
  });
  await devenv.succeed('create', 'carol');
  process.kill(pid, 'SIGKILL');
  const next = Daemon.spawn(devenv);
  expect(await next.up()).toContain('ready');
  expect((await portsOf()).map(([name]) => name)).toEqual(['alice', 'bob', 'carol']);
  expect((await viewOf('bob')).environment.state).toBe('running');
  expect((await viewOf('bob')).orchestrator).toEqual({ problem: null });
});
