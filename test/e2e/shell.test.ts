/** `devenv shell`, `connect` and `ssh-config`, with real terminals and real ssh clients. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation, launcher } from '../support/installation.ts';
import { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;

const sessions = async () => (await devenv.json<StudentView>('status', 'alice')).sessions.length;

beforeAll(async () => {
  devenv = await Installation.make();
  await devenv.succeed('create', 'alice');
});

afterAll(async () => {
  await devenv.remove();
});

test('the terminal has its size, colors, home and PORT, and follows a resize', async () => {
  const terminal = devenv.terminal(['shell', 'alice'], {
    columns: 91,
    rows: 27,
    env: { COLORTERM: 'truecolor' },
  });
  await terminal.see(/\$ $/);
  expect(await terminal.run('stty size')).toBe('27 91');
  expect(await terminal.run('echo $TERM $COLORTERM $LANG')).toBe('xterm-256color truecolor C.UTF-8');
  expect(await terminal.run('echo $PORT $USER $HOME; id -un; id -gn')).toBe(
    `${devenv.env.DEVENV_FIRST_PORT} student /home/student\nstudent\nstudent`,
  );
  terminal.resize(120, 40);
  await waitFor('the new size', async () => (await terminal.run('stty size')) === '40 120');
  terminal.type('exit 42\r');
  expect(await terminal.ended).toBe(42);
});

test('a terminal without a size gets 80 columns and 24 rows', async () => {
  const script = `stty cols 0 rows 0; exec ${launcher} shell alice -- stty size`;
  const terminal = new Terminal('sh', ['-c', script], { env: devenv.env });
  expect(await terminal.ended).toBe(0);
  expect(terminal.text).toContain('24 80');
});

test('a single command runs without a terminal and passes on its output and exit code', async () => {
  const { code, stdout, stderr } = await devenv.devenv([
    'shell',
    'alice',
    '--',
    'echo out; echo err >&2; exit 7',
  ]);
  expect({ code, stdout, stderr }).toEqual({
    code: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  });
});

test('several words arrive unchanged as one command; a single word is a line for the shell', async () => {
  const words = ['printf', '<%s>', 'a  b', '*', "it's", '$HOME', ''];
  const { stdout } = await devenv.devenv(['shell', 'alice', '--', ...words]);
  expect(stdout).toBe("<a  b><*><it's><$HOME><>");
  expect((await devenv.devenv(['shell', 'alice', '--', 'printf "<%s>" $USER'])).stdout).toBe('<student>');
});

test('commands that exit immediately keep their exit codes', async () => {
  const codes = Array.from({ length: 12 }, (_, index) => index + 1);
  const results = await Promise.all(
    codes.map((code) => devenv.devenv(['shell', 'alice', '--', `exit ${code}`])),
  );
  expect(results.map(({ code }) => code)).toEqual(codes);
});

test('the tools that lessons use are installed under their usual names', async () => {
  const tools =
    'bash git curl nano vim vi tmux less ps unzip python3 node npm npx ssh xdg-open devenv-open devenv-status devenv-port'.split(
      ' ',
    );
  const { stdout } = await devenv.devenv(['shell', 'alice', '--', 'which', ...tools]);
  expect(
    stdout
      .trim()
      .split('\n')
      .map((path) => path.split('/').at(-1)),
  ).toEqual(tools);
});

test('when a client is killed, its shell ends', async () => {
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  await waitFor('the session to be seen', async () => (await sessions()) === 1);
  const shell = await terminal.run('echo $$');
  const container = `devenv-${devenv.instance}-alice`;
  const isShellAlive = () =>
    spawnSync('docker', ['exec', container, 'test', '-e', `/proc/${shell}`]).status === 0;
  expect(isShellAlive()).toBe(true);
  process.kill(terminal.pid, 'SIGKILL');
  await waitFor('the shell to end', () => !isShellAlive());
  await waitFor('no session', async () => (await sessions()) === 0);
});

test('ssh, scp and sftp work with the block that ssh-config prints', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-ssh-'));
  try {
    writeFileSync(join(folder, 'config'), await devenv.succeed('ssh-config', 'alice'));
    writeFileSync(join(folder, 'up'), 'a file from the host\n');
    const client = (command: string, ...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(command, ['-F', join(folder, 'config'), ...args], {
        env: devenv.env,
        encoding: 'utf8',
      });
      return { status, stdout, stderr };
    };
    expect(client('ssh', 'devenv-alice', 'echo $PORT $BROWSER; exit 3')).toEqual({
      status: 3,
      stdout: `${devenv.env.DEVENV_FIRST_PORT} devenv-open\n`,
      stderr: '',
    });
    expect(client('scp', '-q', join(folder, 'up'), 'devenv-alice:there')).toMatchObject({ status: 0 });
    writeFileSync(join(folder, 'batch'), `get there ${join(folder, 'back')}\n`);
    expect(client('sftp', '-q', '-b', join(folder, 'batch'), 'devenv-alice')).toMatchObject({ status: 0 });
    expect(readFileSync(join(folder, 'back'), 'utf8')).toBe('a file from the host\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Locales that clients send by default, and terminals that Debian's slim image does not know. */
const FOREIGN = { LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8', LC_CTYPE: 'UTF-8', TERM: 'xterm-kitty' };
const COUNT_CHARACTERS = 'echo in; echo ä | wc -m';

test('a client with a locale of its own gets UTF-8 and no warning, with ssh and `devenv shell`', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-ssh-'));
  try {
    writeFileSync(join(folder, 'config'), await devenv.succeed('ssh-config', 'alice'));
    const options = ['-F', join(folder, 'config'), '-o', 'SendEnv=LANG LC_*'];
    const ssh = spawnSync('ssh', [...options, 'devenv-alice', COUNT_CHARACTERS], {
      // ssh starts its proxy with this shell. bash on a host without that locale would print a warning of its own.
      env: { ...devenv.env, ...FOREIGN, SHELL: '/bin/sh' },
      encoding: 'utf8',
    });
    expect([ssh.stdout, ssh.stderr]).toEqual(['in\n2\n', '']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const shell = spawnSync(launcher, ['shell', 'alice', '--', COUNT_CHARACTERS], {
    env: { ...devenv.env, ...FOREIGN },
    encoding: 'utf8',
  });
  expect([shell.stdout, shell.stderr]).toEqual(['in\n2\n', '']);
});

test.each(['xterm-kitty', 'xterm-ghostty', 'foot', 'no such/terminal'])(
  'in the terminal %s, which the image does not know, programs start',
  async (term) => {
    const terminal = devenv.terminal(['shell', 'alice'], { type: term });
    await terminal.see(/\$ $/);
    expect(await terminal.run('tput cols; clear && echo cleared')).toMatch(/^100\n[\s\S]*cleared$/);
    terminal.type('exit\r');
    await terminal.ended;
  },
);

test('`shell` on a stopped environment says how to start it', async () => {
  await devenv.succeed('stop', 'alice');
  const { code, stderr } = await devenv.devenv(['shell', 'alice']);
  expect(code).toBe(1);
  expect(stderr).toContain('devenv start alice');
  await devenv.succeed('start', 'alice');
  expect((await devenv.devenv(['shell', 'alice', '--', 'true'])).code).toBe(0);
});

test('`connect` ends when its input ends', async () => {
  const child = spawn(launcher, ['connect', 'alice'], {
    env: devenv.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let banner = '';
  child.stdout.on('data', (data) => {
    banner += data;
  });
  await waitFor('the banner of an SSH server', () => banner.startsWith('SSH-2.0-OpenSSH'));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.stdin.end();
  expect(await ended).toBe(0);
});
