/** `npm run mock-cloudflare` as a person runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { browse } from '../../../support/browse.ts';
import { root } from '../../../support/installation.ts';
import { waitFor } from '../../../support/wait.ts';

interface Running {
  child: ChildProcess;
  out: string;
  log: string;
  code: Promise<number | null>;
}

const started: ChildProcess[] = [];

function run(...args: string[]): Running {
  const child = spawn('sh', ['test/cloudflare/run.sh', ...args], { cwd: root });
  started.push(child);
  const running: Running = { child, out: '', log: '', code: once(child, 'close').then(([code]) => code) };
  child.stdout.on('data', (chunk: Buffer) => {
    running.out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    running.log += chunk;
  });
  return running;
}

const ANY_PORTS = ['--port', '0', '--connector-port', '0', '--metrics-port', '0'];

/** The exported settings, once all are there. */
async function settingsOf(running: Running): Promise<Record<string, string>> {
  await waitFor('the settings', () => running.log.includes('Ctrl-C'), {
    lastSeen: () => running.log,
    timeoutMs: 60_000,
  });
  const lines = running.out.trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.replace(/^export /, '').split('=') as [string, string]));
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

test('prints the settings for a shell, serves, logs each call on a line, and ends on SIGTERM', async () => {
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
  await waitFor('the line', () => running.log.includes('(fault: refused)'));
  expect(running.log).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} {2}403 +\d\d+ ms {2}zone +GET +\/zones\?name=class\.localhost {2}\(fault: refused\)$/m,
  );
  expect((await fetch(`http://${settings.DEVENV_CONNECTOR_METRICS}/ready`)).status).toBe(200);
  const port = Number(/class\.localhost:(\d+)\//.exec(running.log)?.[1]);
  expect(await browse({ port, host: 'alice.class.localhost' })).toMatchObject({ status: 530 });
  running.child.kill('SIGTERM');
  expect(await running.code).toBe(0);
  expect(running.log).toContain('Calls: 1. Writes that met another one: 0.');
});

test('has the same settings each time, and says which port is taken and what to do', async () => {
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
      `The mock can't listen on 127.0.0.1:${taken[1]}: something else listens there.`,
    );
    expect(second.log).toContain('Choose other ports with --port');
    expect(second.log).not.toMatch(/ at .*:\d+:\d+/);
  }
  const third = run(...ANY_PORTS);
  expect(await settingsOf(third)).toMatchObject(ids);
});

test('explains itself, and refuses what it does not understand', async () => {
  const help = run('--help');
  expect(await help.code).toBe(0);
  for (const option of ['--port', '--plan', '--latency', '--jitter', '--fault', '--connector-port']) {
    expect(help.out).toContain(option);
  }
  const wrong: [string[], RegExp][] = [
    [['--port', 'x'], /A number from 0 to 65535 is needed/],
    [['--seed', '1.5'], /A whole number is needed/],
    [['--zone', 'my class'], /A domain such as class\.localhost is needed/],
    [['--plan', 'gold'], /Allowed choices are free, paid/],
    [['--fault', 'rain'], /Allowed choices are any, refused/],
    [['--fault-rate', '2'], /A number from 0 to 1 is needed/],
    [['--colour'], /unknown option '--colour'/],
    [['now'], /too many arguments/],
  ];
  const runs = wrong.map(([args]) => run(...args));
  for (const [at, running] of runs.entries()) {
    expect(await running.code).toBe(1);
    expect(running.log).toMatch(wrong[at]?.[1] ?? '');
  }
});
