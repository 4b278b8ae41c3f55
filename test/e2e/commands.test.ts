/** Commands of the instructor, run through the launcher against real containers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type TSchema, Type } from 'typebox';
import { Errors } from 'typebox/value';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import type { Diagnostic } from '../../orchestrator/domain.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation, launcher } from '../support/installation.ts';
import {
  completion,
  daemon,
  diagnostic,
  drift,
  egressPolicy,
  failure,
  logLine,
  removal,
  sshConfig,
  stopped,
  student,
} from '../support/json-output.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;
const status = () => devenv.json<StudentView>('status', 'alice');

beforeAll(async () => {
  devenv = await Installation.make();
  await devenv.succeed('create', 'alice');
});

afterAll(async () => {
  await devenv.remove();
});

test('`up` and `down` can be repeated; without the orchestrator every command says how to start it', async () => {
  const first = await devenv.json<DaemonView>('up');
  expect((await devenv.json<DaemonView>('up')).pid).toBe(first.pid);
  await devenv.succeed('down');
  expect(await devenv.succeed('down')).toMatch(/not running/);
  for (const command of [
    ['list'],
    ['status', 'alice'],
    ['shell', 'alice'],
    ['open', 'alice'],
    ['rm', 'alice', '--yes'],
  ]) {
    const { code: exit, stderr } = await devenv.devenv(command);
    expect([command, exit, stderr]).toEqual([command, 1, expect.stringContaining('devenv up')]);
  }
  const { code: doctorCode, stdout: checks } = await devenv.devenv(['doctor', '--json']);
  const found = new Map((JSON.parse(checks) as Diagnostic[]).map(({ subject, ok }) => [subject, ok]));
  expect([doctorCode, found.get('Orchestrator'), found.get('Docker engine')]).toEqual([1, false, true]);
  expect(found.get('Firewall')).toBe(true);
  const logs = await devenv.devenv(['logs']);
  expect(logs).toMatchObject({ code: 0, stderr: expect.stringContaining('devenv up') });
  expect(logs.stdout).toContain('orchestrator started');
  await devenv.succeed('up');
  expect((await devenv.json<DaemonView>('up')).pid).not.toBe(first.pid);
});

test('`up --listen` with an unavailable address fails, and the orchestrator listens on the previous one', async () => {
  const listen = devenv.env.DEVENV_LISTEN;
  expect((await devenv.devenv(['up', '--listen', '127.0.0.1:99999'])).code).toBe(2);
  // 192.0.2.0/24 is for documentation (RFC 5737): no host has it.
  const { code: exit, stderr } = await devenv.devenv(['up', '--listen', '192.0.2.1:8080']);
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/can't listen on 192\.0\.2\.1:8080/)]);
  expect((await devenv.json<DaemonView>('up')).listen).toBe(listen);
});

test.each([
  [['list'], 'a reader that exits at once'],
  [['shell', 'alice', '--', 'yes'], 'a reader that exits during the output'],
])('`devenv %j | head`: %s causes no error', (command) => {
  const script = 'set -o pipefail; "$0" "$@" | head -c 1 >/dev/null; echo "${PIPESTATUS[0]}"';
  const { stdout, stderr } = spawnSync('bash', ['-c', script, launcher, ...command], {
    env: devenv.env,
    encoding: 'utf8',
  });
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^(0|141)\n$/), '']);
});

test('an unknown name gets a suggestion, and `create` is suggested only for valid names', async () => {
  const next = async (name: string) => (await devenv.devenv(['status', name])).stderr;
  expect(await next('Alice')).toContain('Did you mean alice?');
  expect(await next('bob')).toContain('devenv create bob');
  expect(await next('b_b')).not.toContain('devenv create');
});

test('`open` shows the waiting page until the next session ends; `close` keeps the link closed until the next one starts', async () => {
  await devenv.succeed('open', 'alice');
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 503);
  expect((await status()).link.reason).toBe('instructor');
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  await waitFor('the session', async () => (await status()).sessions.length === 1);
  expect(await devenv.statusOf('alice')).toBe(503);
  terminal.type('cd hello && npm run dev\r');
  await terminal.see(/live at/);
  await devenv.succeed('close', 'alice');
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
  const second = devenv.terminal(['shell', 'alice']);
  await second.see(/\$ $/);
  await waitFor('the link to be back', async () => (await devenv.statusOf('alice')) === 200);
  for (const each of [second, terminal]) {
    each.type('\x03');
    // A notice of the link that is back may come after the prompt.
    await each.see(/\^C[\s\S]*\$ /);
    each.type('exit\r');
    await each.ended;
  }
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
});

test('unknown students, commands and options: exit code 2, with help', async () => {
  for (const command of [
    'status',
    'shell',
    'open',
    'close',
    'stop',
    'start',
    'restart',
    'ssh-config',
    'connect',
  ]) {
    const { code: exit, stderr } = await devenv.devenv([command, 'bob']);
    expect([command, exit, stderr]).toEqual([command, 2, expect.stringContaining("no student called 'bob'")]);
  }
  expect(await devenv.devenv(['lst'])).toMatchObject({ code: 2, stderr: expect.stringContaining('list') });
  expect(await devenv.devenv(['list', '--al'])).toMatchObject({ code: 2 });
  expect(await devenv.devenv(['logs', '--lines', '0'])).toMatchObject({ code: 2 });
  const { code: exit, stdout } = await devenv.devenv(['status', 'bob', '--json']);
  expect([exit, JSON.parse(stdout)]).toEqual([2, { error: expect.objectContaining({ code: 'not-found' }) }]);
});

test('`list` fits 80 columns', async () => {
  const lines = (await devenv.succeed('list')).trimEnd().split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/^alice +\d+ +\S.* +http:\/\/alice\.localhost:\d+$/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('`logs` filters by student, and `doctor` finds no problem', async () => {
  await devenv.succeed('restart', 'alice');
  expect(await devenv.succeed('logs')).toMatch(/orchestrator started/);
  expect(await devenv.succeed('logs', 'alice')).toMatch(
    /\[alice\] created[\s\S]*link closed: the environment is stopped/,
  );
  const diagnostics = await devenv.json<Diagnostic[]>('doctor');
  expect(diagnostics.filter((each) => !each.ok)).toEqual([]);
  expect(diagnostics.map((each) => each.subject)).toEqual(
    expect.arrayContaining(['Docker engine', 'Firewall', 'Disk']),
  );
});

test('bash completion offers commands, options and students', async () => {
  const complete = (line: string) =>
    execFileSync(
      'bash',
      [
        '-c',
        `eval "$(${launcher} completion bash)"; COMP_WORDS=(${launcher} ${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _devenv; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { env: devenv.env, encoding: 'utf8' },
    ).trim();
  expect(complete('sta').split('\n')).toEqual(['status', 'start']);
  expect(complete('shell al')).toBe('alice');
  expect(complete("shell ''")).toBe('alice');
  expect(complete('rm --k')).toBe('--keep-home');
});

test('every `--json` output has the documented shape', async () => {
  const outputs: [TSchema, string[]][] = [
    [student, ['status', 'alice']],
    [student, ['open', 'alice']],
    [student, ['close', 'alice']],
    [student, ['restart', 'alice']],
    [student, ['create', 'carol']],
    [Type.Array(student), ['list']],
    [removal, ['rm', 'carol', '--yes']],
    [Type.Array(drift), ['sync']],
    [Type.Array(diagnostic), ['doctor']],
    [daemon, ['up']],
    [egressPolicy, ['egress', 'none', 'alice']],
    [egressPolicy, ['egress', 'internet']],
    [egressPolicy, ['egress']],
    [failure, ['egress', 'some']],
    [failure, ['egress', 'none', 'bob']],
    [sshConfig, ['ssh-config', 'alice']],
    [completion, ['completion', 'bash']],
    [failure, ['status', 'bob']],
    [failure, ['rm', 'alice']],
    [failure, ['lst']],
    [stopped, ['down']],
    [failure, ['list']],
    [daemon, ['up']],
  ];
  for (const [schema, command] of outputs) {
    const { stdout, stderr } = await devenv.devenv([...command, '--json']);
    expect([command, [...Errors(schema, JSON.parse(stdout))], stderr]).toEqual([command, [], '']);
  }
  const logs = (await devenv.succeed('logs', '--json')).trimEnd().split('\n');
  for (const line of logs) expect([line, [...Errors(logLine, JSON.parse(line))]]).toEqual([line, []]);
});

test('help lists every command, and each command has its own help', async () => {
  const help = await devenv.succeed('--help');
  for (const command of [
    'create',
    'list',
    'status',
    'shell',
    'connect',
    'ssh-config',
    'open',
    'close',
    'stop',
    'start',
    'restart',
    'egress',
    'logs',
    'rm',
    'up',
    'down',
    'doctor',
    'update',
    'completion',
  ]) {
    expect(help).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  }
  expect(await devenv.succeed('create', '--help')).toContain('Example');
});

test('the SSH key of the installation is in no container, and only its owner can read it', async () => {
  const environment = execFileSync('docker', ['inspect', `devenv-${devenv.instance}-alice`], {
    encoding: 'utf8',
  });
  const { stdout } = await devenv.devenv([
    'shell',
    'alice',
    '--',
    'env; ls -la /run/devenv-host; cat /proc/*/cmdline',
  ]);
  for (const text of [environment, stdout]) expect(text).not.toMatch(/PRIVATE KEY|id_ed25519|state\.db/);
  const mode = execFileSync(
    'stat',
    [
      '-c',
      '%a',
      `${devenv.stateDir}/ssh/id_ed25519`,
      `${devenv.stateDir}/api.sock`,
      `${devenv.stateDir}/state.db`,
    ],
    { encoding: 'utf8' },
  );
  expect(mode.trim().split('\n')).toEqual(['600', '600', '600']);
});

test('a damaged SSH key is reported, and `restart` repairs it', async () => {
  writeFileSync(`${devenv.stateDir}/ssh/id_ed25519`, 'no key\n');
  const { code: exit, stderr } = await devenv.devenv(['shell', 'alice', '--', 'true']);
  expect([exit, stderr]).toEqual([1, expect.stringMatching(/ssh\/id_ed25519.*\n.*devenv restart/)]);
  await devenv.succeed('restart', 'alice');
  expect(await devenv.succeed('shell', 'alice', '--', 'whoami')).toBe('student\n');
});
