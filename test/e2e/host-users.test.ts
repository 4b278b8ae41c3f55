/** Other users of the host can neither list students, nor be an agent, nor reach a student's server, nor keep the orchestrator from starting. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../../orchestrator/domain.ts';
import { RELAY_PORT } from '../../orchestrator/protocol/constants.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation, launcher } from '../support/installation.ts';
import { $ } from '../support/shell.ts';
import { studentImage } from '../support/student-image.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;
const started: ChildProcess[] = [];

const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

beforeAll(async () => {
  await studentImage();
  devenv = await Installation.make();
});

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await devenv.remove();
});

/** Runs a command as the user `nobody`; returns its exit code. */
async function asNobody(...command: string[]): Promise<number | null> {
  return (await $({ nothrow: true })`setpriv ${NOBODY} ${command}`).exitCode;
}

/** A read lock on the file, as SQLite understands it, by a process of `nobody` that runs until the test ends. */
async function lockAsNobody(file: string): Promise<void> {
  // struct flock: a read lock on the 510 bytes that SQLite's readers lock.
  const script = `
use Fcntl; $| = 1;
open(my $file, '<', $ARGV[0]) or die;
my $lock = pack('ssx4qqix4', F_RDLCK, 0, 0x40000002, 510, 0);
fcntl($file, F_SETLK, $lock) or die $!;
print "locked"; sleep 600;`;
  const child = spawn('setpriv', [...NOBODY, 'perl', '-e', script, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const [output] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  expect(String(output)).toBe('locked');
}

/** Connects to a unix socket, and exits with 0 if that works. */
const CONNECT = 'use IO::Socket::UNIX; exit(IO::Socket::UNIX->new(Peer => $ARGV[0]) ? 0 : 1)';

/** A state folder as versions before 0.1.0 have created it. */
function makeEarlierFolder(stateDir: string): void {
  mkdirSync(join(stateDir, 'agents'));
  writeFileSync(join(stateDir, 'lock'), '');
  chmodSync(stateDir, 0o755);
  chmodSync(join(stateDir, 'agents'), 0o755);
  chmodSync(join(stateDir, 'lock'), 0o644);
}

test('a lock that another user has taken on an earlier version’s file does not keep the orchestrator from starting', async () => {
  const { stateDir } = devenv;
  makeEarlierFolder(stateDir);
  await lockAsNobody(join(stateDir, 'lock'));
  await devenv.succeed('create', 'alice');
  const second = await devenv.devenv(['up']);
  expect(second.code).toBe(0);
});

test('an earlier version’s folders, files and sockets are closed to other users', async () => {
  const { stateDir } = devenv;
  const modes = Object.fromEntries(
    readdirSync(stateDir).map((name) => [name, statSync(join(stateDir, name)).mode & 0o077]),
  );
  expect(modes).toEqual(Object.fromEntries(Object.keys(modes).map((name) => [name, 0])));
  expect(statSync(stateDir).mode & 0o077).toBe(0);
});

test.each([
  ['with a closed state folder', 0o700],
  ['even if the instructor opens the state folder, which `doctor` then reports', 0o755],
])('another user can neither list the students nor connect nor lock, %s', async (_where, mode) => {
  const folder = 'agents';
  const { stateDir } = devenv;
  chmodSync(stateDir, mode);
  const [socketId] = readdirSync(join(stateDir, folder));
  const agentSocket = join(stateDir, folder, String(socketId), 'agent.sock');
  const codes = {
    list: await asNobody('ls', join(stateDir, folder)),
    agent: await asNobody('perl', '-e', CONNECT, agentSocket),
    api: await asNobody('perl', '-e', CONNECT, join(stateDir, 'api.sock')),
    lock: await asNobody('cat', join(stateDir, 'lock')),
  };
  const doctor = JSON.parse((await devenv.devenv(['doctor', '--json'])).stdout) as Diagnostic[];
  chmodSync(stateDir, 0o700);
  expect({ mode, ...codes }).toEqual({ mode, list: 2, agent: 1, api: 1, lock: 1 });
  expect(doctor.find(({ subject }) => subject === 'State')).toMatchObject({ ok: mode === 0o700 });
});

test('the agent in the container still connects to its socket', async () => {
  await waitFor('the agent', async () => {
    const { agent } = await devenv.json<StudentView>('status', 'alice');
    return agent.state === 'connected';
  });
});

test('a folder that all users share is refused as the state folder', async () => {
  const shared = join(devenv.stateDir, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  const env = { ...devenv.env, DEVENV_STATE_DIR: shared };
  const { exitCode, stderr } = await $({ env, nothrow: true })`${launcher} up`;
  expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/is shared.*\n?.*DEVENV_STATE_DIR/s)]);
  expect(readdirSync(shared)).toEqual([]);
});

/** What the user `nobody` gets from the relay's port under a `Host`. */
async function relayStatus(port: number, host: string): Promise<string> {
  const curl = ['curl', '-s', '-m', '20', '--noproxy', '*', '-o', '/dev/null', '-w', '%{http_code}'];
  const { stdout } = await $({
    nothrow: true,
  })`setpriv ${NOBODY} ${curl} -H ${`Host: ${host}`} http://127.0.0.1:${port}/`;
  return stdout;
}

test("a student's port answers no other user of the host, whether the link is open or closed, and `doctor` tries it", async () => {
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  terminal.type('cd ~/hello && npm run dev\r');
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200);
  const { port, hostname } = await devenv.json<StudentView>('status', 'alice');
  const names = ['localhost', `127.0.0.1:${port}`, hostname, `${'a'.repeat(32)}.${hostname}`];
  const statuses = () => Promise.all(names.map((name) => relayStatus(port, name)));
  expect(await statuses()).toEqual(names.map(() => '403'));
  // The key is what they lack.
  expect(await relayStatus(port, devenv.hostForRelay('alice'))).toBe('200');
  await devenv.succeed('close', 'alice');
  await waitFor('the link to be closed', async () => (await devenv.statusOf('alice')) === 404);
  expect(await statuses()).toEqual(names.map(() => '403'));
  expect(await relayStatus(port, devenv.hostForRelay('alice'))).toBe('503');

  // Inside, the student's own server and the relay answer by local names.
  const container = `devenv-${devenv.instance}-alice`;
  const inside = async (target: string) => {
    const curl = ['curl', '-s', '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', target];
    return (await $`docker exec ${container} ${curl}`).stdout;
  };
  expect(await inside(`localhost:${port}`)).toBe('200');
  expect(await inside(`localhost:${RELAY_PORT}`)).toBe('200');

  const relays = async () => {
    const { stdout } = await devenv.devenv(['doctor', '--json']);
    return (JSON.parse(stdout) as Diagnostic[]).find(({ subject }) => subject === 'Relays');
  };
  expect(await relays()).toEqual({
    subject: 'Relays',
    ok: true,
    found: '1 tried without the edge, none answered',
    next: null,
  });
  terminal.type('\x03exit\r');
  await terminal.ended;
});
