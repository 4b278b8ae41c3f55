/**
 * Safe from the first container: each thing that a student must not reach is tried from inside a student's shell,
 * and each is first shown to answer with the protection off.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import Docker from 'dockerode';
import type { Diagnostic } from '../../orchestrator/domain.ts';
import { networkOf } from '../../orchestrator/environments/network.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { AttackerNetwork } from '../support/attacker-network.ts';
import { Installation } from '../support/installation.ts';
import { studentImage } from '../support/student-image.ts';
import { waitFor } from '../support/wait.ts';

const METADATA = '169.254.169.254';
const PRIVATE = ['10.77.0.7', '172.31.77.7', '192.168.77.7', '100.64.77.7'];
const ALLOWED = '10.77.0.8';

const docker = new Docker();
let devenv: Installation;
let network: AttackerNetwork;
let hostServer: Server;
let hostPort = 0;
let gateway = '';
let bridge = '';

/** What a student's shell prints. */
const inside = async (student: string, script: string) =>
  (await devenv.devenv(['shell', student, '--', script], { timeoutMs: 120_000 })).stdout.trim();

/** Tries an HTTP address from inside; `reached` or curl's exit code. */
const tryFrom = (student: string, address: string) =>
  inside(student, `curl -s -m 4 --noproxy '*' http://${address}/ || echo "no: $?"`);

/** Whether `iptables` did it. */
function iptables(...args: string[]): boolean {
  return spawnSync('iptables', ['-w', '5', ...args], { stdio: 'ignore' }).status === 0;
}

/** Our jumps to the rules for what is forwarded, and to those for what is meant for the host. */
const jumpsForward = () =>
  ['FORWARD', 'DOCKER-USER'].map((parent) => [parent, '-i', bridge, '-j', `${bridge}-fwd`]);
const jumpsInput = () => [['INPUT', '-i', bridge, '-j', `${bridge}-in`]];

/** Takes jumps out, and returns those that stood. */
function takeOut(jumps: string[][]): string[][] {
  return jumps.filter((jump) => {
    let stood = false;
    while (iptables('-D', ...jump)) stood = true;
    return stood;
  });
}

/**
 * Takes our jumps out and puts them back: the protection is off in between. The orchestrator puts it back too,
 * whenever it looks; a task that it came in between is done again.
 */
async function withoutFirewall<Result>(task: () => Promise<Result>): Promise<Result> {
  const jumps = [...jumpsForward(), ...jumpsInput()];
  for (;;) {
    const stood = takeOut(jumps);
    const result = await task();
    const wasOff = jumps.every((jump) => !iptables('-C', ...jump));
    for (const [parent = '', ...jump] of stood)
      if (!iptables('-C', parent, ...jump)) iptables('-I', parent, '1', ...jump);
    if (wasOff) return result;
  }
}

beforeAll(async () => {
  network = await AttackerNetwork.create([METADATA, ...PRIVATE, ALLOWED]);
  devenv = await Installation.make({ env: { DEVENV_ALLOW: `${ALLOWED}:8000` } });
  await devenv.succeed('create', 'alice');
  await devenv.succeed('create', 'bob');
  const { name, bridge: device } = networkOf(devenv.instance);
  bridge = device;
  const { IPAM } = await docker.getNetwork(name).inspect();
  gateway = IPAM?.Config?.[0]?.Gateway ?? '';
  hostServer = createServer((_request, response) => response.end('reached'));
  await new Promise<void>((resolve) => hostServer.listen(0, '0.0.0.0', resolve));
  const address = hostServer.address();
  hostPort = typeof address === 'object' && address !== null ? address.port : 0;
}, 600_000);

afterAll(async () => {
  hostServer?.close();
  await network?.remove();
  await devenv?.remove();
}, 60_000);

test.each([METADATA, ...PRIVATE])(
  '%s is out of reach, and answers without the firewall',
  async (address) => {
    expect(await withoutFirewall(() => tryFrom('alice', `${address}:8000`))).toBe('reached');
    expect(await tryFrom('alice', `${address}:8000`)).toMatch(/^no: 7/);
  },
  180_000,
);

test('no service of the host is in reach, on any of its addresses', async () => {
  const own = execFileSync('ip', ['-4', '-o', 'addr', 'show', 'scope', 'global'], { encoding: 'utf8' });
  // Bridges and links of other tests come and go.
  const addresses = [...own.matchAll(/^\d+: (\S+) +inet ([0-9.]+)/gm)]
    .filter(([, device = '']) => [bridge, network.device].includes(device) || !/^(dv|br-)/.test(device))
    .map(([, , address = '']) => address);
  expect(addresses).toContain(gateway);
  for (const address of addresses) {
    const target = `${address}:${hostPort}`;
    expect([target, await withoutFirewall(() => tryFrom('alice', target))]).toEqual([target, 'reached']);
    expect([target, await tryFrom('alice', target)]).toEqual([target, expect.stringMatching(/^no: 7/)]);
  }
}, 180_000);

test('another student is out of reach, by IPv4 and link-local IPv6; on a bridge without the rule they are not', async () => {
  const serve = `nohup node -e 'require("http").createServer((q, r) => r.end("reached")).listen(8000, "0.0.0.0")' >/dev/null 2>&1 &`;
  await inside('bob', `${serve} sleep 0.5`);
  const info = await docker.getContainer(`devenv-${devenv.instance}-bob`).inspect();
  const { name } = networkOf(devenv.instance);
  const bob = info.NetworkSettings.Networks[name]?.IPAddress ?? '';
  expect(await inside('bob', `curl -s http://${bob}:8000/`)).toBe('reached');
  expect(await tryFrom('alice', `${bob}:8000`)).toMatch(/^no: (7|28)/);
  expect(await inside('alice', 'cat /proc/net/if_inet6 | grep -vc " lo$" || :')).toBe('0');

  // The same two containers on a bridge of the engine's defaults reach each other.
  const open = await docker.createNetwork({
    Name: `${name}-open`,
    Labels: { 'devenv.instance': devenv.instance },
  });
  try {
    for (const student of ['alice', 'bob'])
      await open.connect({ Container: `devenv-${devenv.instance}-${student}` });
    const opened = await docker.getContainer(`devenv-${devenv.instance}-bob`).inspect();
    const address = opened.NetworkSettings.Networks[`${name}-open`]?.IPAddress ?? '';
    expect(await tryFrom('alice', `${address}:8000`)).toBe('reached');
  } finally {
    for (const student of ['alice', 'bob']) {
      await open.disconnect({ Container: `devenv-${devenv.instance}-${student}`, Force: true });
    }
    await open.remove();
  }
}, 180_000);

test('what the settings allow is in reach, and so is a name server', async () => {
  expect(await tryFrom('alice', `${ALLOWED}:8000`)).toBe('reached');
  // The name of whatever registry this network's npm has been given.
  const name = '"$(npm config get registry | cut -d/ -f3 | cut -d: -f1)"';
  expect(await inside('alice', `getent hosts ${name} >/dev/null && echo resolved`)).toBe('resolved');
}, 180_000);

test('the engine makes networks, each time with its jump to our rules away for a moment: nothing comes through', async () => {
  // Most refusals are told to nobody (the kernel bounds its ICMP): who waited for them would hardly knock.
  const knock =
    `const { connect } = require('net'); let knocked = 0; let reached = 0; const end = Date.now() + 8000;
    const next = () => { if (Date.now() > end) return; knocked += 1;
      const socket = connect(8000, '${METADATA}').on('connect', () => { reached += 1; }).on('error', () => {});
      setTimeout(() => { socket.destroy(); next(); }, 5); };
    for (let i = 0; i < 4; i++) next();
    setTimeout(() => { console.log(knocked > 1000, reached); process.exit(); }, 8500);`.replaceAll(
      /\s+/g,
      ' ',
    );
  const knocking = inside('alice', `node -e "${knock}"`);
  const Labels = { 'devenv.instance': devenv.instance };
  let isOver = false;
  void knocking.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const other = await docker.createNetwork({ Name: `${devenv.instance}-other`, Labels });
    await other.remove();
  }
  expect(await knocking).toBe('true 0');
}, 180_000);

test('the student is nobody special: no root, no capability, no way to gain any', async () => {
  expect(
    await inside(
      'alice',
      'id -u; id -g; grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\\t"',
    ),
  ).toBe(
    ['1000', '1000', 'CapEff:0000000000000000', 'CapBnd:0000000000000000', 'NoNewPrivs:1', 'Seccomp:2'].join(
      '\n',
    ),
  );
  expect(await inside('alice', 'command -v sudo su || :; find / -xdev -perm /6000 -type f 2>/dev/null')).toBe(
    await inside('alice', 'command -v su || :'),
  );
  expect(await inside('alice', 'ls /var/run/docker.sock /run/docker.sock 2>/dev/null || echo none')).toBe(
    'none',
  );
  expect(
    await inside('alice', 'touch /usr/lib/devenv/x /run/devenv-host/x 2>/dev/null || echo refused'),
  ).toBe('refused');
}, 180_000);

test('limits hold, and no port is open to the world', async () => {
  const info = await docker.getContainer(`devenv-${devenv.instance}-alice`).inspect();
  expect(info.HostConfig).toMatchObject({
    Memory: 2 * 2 ** 30,
    MemorySwap: 2 * 2 ** 30,
    PidsLimit: 512,
    NanoCpus: 2e9,
  });
  expect(await inside('alice', 'ulimit -n')).toBe('16384');
  expect(Object.values(info.HostConfig.PortBindings as Record<string, { HostIp: string }[]>).flat()).toEqual([
    expect.objectContaining({ HostIp: '127.0.0.1' }),
  ]);
  const view = await devenv.json<StudentView>('status', 'alice');
  const sockets = execFileSync('ss', ['-ltnH', `sport = :${view.port}`], { encoding: 'utf8' });
  expect(
    sockets
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/)[3]),
  ).toEqual([`127.0.0.1:${view.port}`]);
}, 180_000);

test('a firewall that somebody flushed is put back, and nobody is started without it', async () => {
  let answer = '';
  // The orchestrator puts it back whenever it looks, which may be before we have tried.
  const isReached = async () => {
    iptables('-F', `${bridge}-fwd`);
    takeOut(jumpsInput());
    answer = await tryFrom('alice', `${METADATA}:8000`);
    return answer === 'reached';
  };
  await waitFor('it to be reached', isReached, { timeoutMs: 60_000, lastSeen: () => answer });
  await devenv.succeed('restart', 'bob');
  expect(await tryFrom('alice', `${METADATA}:8000`)).toMatch(/^no: 7/);
  expect(takeOut(jumpsForward())).toEqual(jumpsForward());
  await waitFor(
    'the firewall to be put back by itself',
    async () => (await tryFrom('alice', `${METADATA}:8000`)).startsWith('no'),
    {
      timeoutMs: 60_000,
      everyMs: 1000,
    },
  );
}, 180_000);

test('an orchestrator that starts while students run puts back a firewall that has gone meanwhile', async () => {
  await devenv.succeed('down');
  expect(takeOut(jumpsForward())).toEqual(jumpsForward());
  await devenv.succeed('up');
  await waitFor(
    'the firewall to be put back at once',
    async () => (await tryFrom('alice', `${METADATA}:8000`)).startsWith('no'),
    { timeoutMs: 15_000, everyMs: 300 },
  );
  const firewall = (await devenv.json<Diagnostic[]>('doctor')).find(({ subject }) => subject === 'Firewall');
  expect(firewall).toMatchObject({ ok: true, found: 'stands' });
}, 180_000);

test('the image that students get is the one that was tested', async () => {
  const info = await docker.getContainer(`devenv-${devenv.instance}-alice`).inspect();
  expect(info.Config.Image).toBe(await studentImage());
});
