/** The command `npm run mock-cloudflare`, run as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { browse } from '../../../support/browse.ts';
import { root } from '../../../support/installation.ts';
import { waitFor } from '../../../support/wait.ts';

interface Run {
  child: ChildProcess;
  out: string;
  log: string;
  code: Promise<number | null>;
}

const started: ChildProcess[] = [];

function run(...args: string[]): Run {
  const child = spawn('sh', ['test/cloudflare/run.sh', ...args], { cwd: root });
  started.push(child);
  const running: Run = { child, out: '', log: '', code: once(child, 'close').then(([code]) => code) };
  child.stdout.on('data', (chunk: Buffer) => {
    running.out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    running.log += chunk;
  });
  return running;
}

const ANY_PORTS = ['--port', '0', '--connector-port', '0', '--metrics-port', '0'];

/** Waits until the mock is ready, and returns the settings that it exported. */
async function settingsOf(running: Run): Promise<Record<string, string>> {
  await waitFor('the mock to be ready', () => running.log.includes('Ctrl-C'), {
    lastSeen: () => running.log,
  });
  const lines = running.out.trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.replace(/^export /, '').split('=') as [string, string]));
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

test('prints the settings for a shell, serves, logs each call on one line, and stops on SIGTERM', async () => {
  const running = run(...ANY_PORTS, '--latency', '20', '--fault', 'refused', '--fault-rate', '1');
  const settings = await settingsOf(running);
  expect(Object.keys(settings).sort()).toEqual([
    'CLOUDFLARE_ACCOUNT_ID',
    'CLOUDFLARE_API_TOKEN',
    'CLOUDFLARE_BASE_URL',
    'CLOUDFLARE_TUNNEL_ID',
    'CLOUDFLARE_ZONE_ID',
    'DEVENV_CONNECTOR_METRICS',
    'DEVENV_EDGE',
  ]);
  const answer = await fetch(`${settings.CLOUDFLARE_BASE_URL}/zones?name=class.localhost`, {
    headers: { authorization: `Bearer ${settings.CLOUDFLARE_API_TOKEN}` },
  });
  expect(answer.status).toBe(403);
  await waitFor('the log line of the call', () => running.log.includes('(fault: refused)'));
  expect(running.log).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} {2}403 +\d\d+ ms {2}zone +GET +\/zones\?name=class\.localhost {2}\(fault: refused\)$/m,
  );
  expect((await fetch(`http://${settings.DEVENV_CONNECTOR_METRICS}/ready`)).status).toBe(200);
  const port = Number(/class\.localhost:(\d+)\//.exec(running.log)?.[1]);
  expect(await browse({ port, host: 'alice.class.localhost' })).toMatchObject({ status: 530 });
  running.child.kill('SIGTERM');
  expect(await running.code).toBe(0);
  expect(running.log).toContain('Mock stopped. Calls: 1. Overlapping writes: 0.');
});

test('has the same settings on every start, and names a port that is in use', async () => {
  const first = run(...ANY_PORTS);
  const {
    CLOUDFLARE_BASE_URL: url = '',
    DEVENV_CONNECTOR_METRICS: metrics = '',
    ...ids
  } = await settingsOf(first);
  const { port } = new URL(url);
  for (const taken of [
    ['--port', port],
    ['--metrics-port', metrics.split(':')[1] ?? ''],
  ]) {
    const second = run(...ANY_PORTS, ...taken);
    expect(await second.code).toBe(1);
    expect(second.out).toBe('');
    expect(second.log).toContain(
      `The mock can't listen on 127.0.0.1:${taken[1]}: another program uses this port.`,
    );
    expect(second.log).toContain('Choose other ports with --port');
    expect(second.log).not.toMatch(/ at .*:\d+:\d+/);
  }
  const third = run(...ANY_PORTS);
  expect(await settingsOf(third)).toMatchObject(ids);
});

test('explains its options, and rejects invalid ones', async () => {
  const help = run('--help');
  expect(await help.code).toBe(0);
  for (const option of ['--port', '--plan', '--latency', '--jitter', '--fault', '--connector-port']) {
    expect(help.out).toContain(option);
  }
  const wrong: [string[], RegExp][] = [
    [['--port', 'x'], /Expected a number from 0 to 65535/],
    [['--seed', '1.5'], /Expected a whole number/],
    [['--zone', 'my class'], /Expected a domain such as class\.localhost/],
    [['--plan', 'gold'], /Allowed choices are free, paid/],
    [['--fault', 'rain'], /Allowed choices are any, refused/],
    [['--fault-rate', '2'], /Expected a number from 0 to 1/],
    [['--colour'], /unknown option '--colour'/],
    [['now'], /too many arguments/],
  ];
  const runs = wrong.map(([args]) => run(...args));
  for (const [index, [args, message]] of wrong.entries()) {
    const code = await runs[index]?.code;
    const log = expect.stringMatching(message);
    expect({ args, code, log: runs[index]?.log }).toEqual({ args, code: 1, log });
  }
});
