/**
 * What a student can't reach or do. Each address is tried from a student's shell, and is first shown to answer without
 * the firewall.
 */
import { createServer, type Server } from 'node:http';
import Docker from 'dockerode';
import type { Diagnostic } from '../../orchestrator/domain.ts';
import { networkOf } from '../../orchestrator/environments/network.ts';
import { RELAY_PORT } from '../../orchestrator/protocol/constants.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { AttackerNetwork } from '../support/attacker-network.ts';
import { browse } from '../support/browse.ts';
import {
  forwardJumps,
  inputJumps,
  iptables,
  removeJumps,
  withoutFirewall,
} from '../support/firewall-switch.ts';
import { Installation } from '../support/installation.ts';
import { $ } from '../support/shell.ts';
import { studentImage } from '../support/student-image.ts';
import { waitFor } from '../support/wait.ts';

const METADATA = '169.254.169.254';
const PRIVATE = ['10.77.0.7', '172.31.77.7', '192.168.77.7', '100.64.77.7'];
const ALLOWED = '10.77.0.8';
/** Public, as far as the rules know (RFC 5737). */
const PUBLIC = '192.0.2.77';
const DENIED = '192.0.2.78';

const docker = new Docker();
let devenv: Installation;
let network: AttackerNetwork;
let hostServer: Server;
let hostPort = 0;
let gateway = '';
let bridge = '';

/** What a script prints in a student's shell. */
const inside = async (student: string, script: string) =>
  (await devenv.devenv(['shell', student, '--', script], { timeoutMs: 120_000 })).stdout.trim();

/** `reached`, or curl's exit code: 7 if it is refused, 28 if nothing answers. The limit only ends a wait for nothing. */
const tryFrom = (student: string, address: string, limitSeconds = 60) =>
  inside(student, `curl -s -m ${limitSeconds} --noproxy '*' http://${address}/ || echo "no: $?"`);

beforeAll(async () => {
  network = await AttackerNetwork.create([METADATA, ...PRIVATE, ALLOWED, PUBLIC, DENIED]);
  devenv = await Installation.make({
    env: {
      DEVENV_ALLOW: `${ALLOWED}:8000`,
      DEVENV_DENY: DENIED,
      // So that the rules for addresses get every packet of the test with thousands of connections.
      DEVENV_LIMITS_CONNECTIONS: '100000',
      DEVENV_LIMITS_NEW_CONNECTIONS: '10000',
    },
  });
  await devenv.succeed('create', 'alice');
  await devenv.succeed('create', 'bob');
  const { name, bridge: device } = networkOf(devenv.instance);
  bridge = device;
  const { NetworkSettings } = await docker.getContainer(`devenv-${devenv.instance}-alice`).inspect();
  gateway = NetworkSettings.Networks[name]?.Gateway ?? '';
  expect(gateway).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  hostServer = createServer((_request, response) => response.end('reached'));
  await new Promise<void>((resolve) => hostServer.listen(0, '0.0.0.0', resolve));
  const address = hostServer.address();
  hostPort = typeof address === 'object' && address !== null ? address.port : 0;
});

afterAll(async () => {
  hostServer?.close();
  await network?.remove();
  await devenv?.remove();
});

test.each([...[METADATA, ...PRIVATE, DENIED].map((address) => `${address}:8000`), `${PUBLIC}:25`])(
  '%s cannot be reached, and answers without the firewall',
  async (target) => {
    expect(await withoutFirewall(bridge, () => tryFrom('alice', target))).toBe('reached');
    expect(await tryFrom('alice', target)).toMatch(/^no: 7/);
  },
);

test('no service of the host can be reached, on any of its addresses', async () => {
  const { stdout: own } = await $`ip -4 -o addr show scope global`;
  // Bridges and links of other tests come and go.
  const addresses = [...own.matchAll(/^\d+: (\S+) +inet ([0-9.]+)/gm)]
    .filter(([, device = '']) => [bridge, network.device].includes(device) || !/^(dv|br-)/.test(device))
    .map(([, , address = '']) => address);
  expect(addresses).toContain(gateway);
  for (const address of addresses) {
    const target = `${address}:${hostPort}`;
    expect([target, await withoutFirewall(bridge, () => tryFrom('alice', target))]).toEqual([
      target,
      'reached',
    ]);
    expect([target, await tryFrom('alice', target)]).toEqual([target, expect.stringMatching(/^no: 7/)]);
  }
});

test('another student cannot be reached by IPv4 or link-local IPv6, and answers on a bridge with the defaults of the engine', async () => {
  const serve = `nohup node -e 'require("http").createServer((q, r) => r.end("reached")).listen(8000, "0.0.0.0")' >/dev/null 2>&1 &`;
  await inside('bob', `${serve} sleep 0.5`);
  const info = await docker.getContainer(`devenv-${devenv.instance}-bob`).inspect();
  const { name } = networkOf(devenv.instance);
  const bob = info.NetworkSettings.Networks[name]?.IPAddress ?? '';
  expect(await inside('bob', `curl -s http://${bob}:8000/`)).toBe('reached');
  expect(await tryFrom('alice', `${bob}:8000`, 4)).toMatch(/^no: (7|28)/);
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
});

test('allowed and public addresses and name servers can be reached', async () => {
  expect(await tryFrom('alice', `${PUBLIC}:8000`)).toBe('reached');
  expect(await tryFrom('alice', `${ALLOWED}:8000`)).toBe('reached');
  // The name of whatever registry this network's npm has been given.
  const name = '"$(npm config get registry | cut -d/ -f3 | cut -d: -f1)"';
  expect(await inside('alice', `getent hosts ${name} >/dev/null && echo resolved`)).toBe('resolved');
});

test('no packet passes while the engine creates networks, each time removing its jump to DOCKER-USER for a moment', async () => {
  // The kernel limits its ICMP answers, so most attempts are dropped without one: waiting for it would leave few.
  const attempts = `const { connect } = require('net'); let tried = 0; let open = 0; let reached = 0;
    const next = () => { if (tried === 5000) { if (open === 0) console.log(tried, reached); return; } tried += 1; open += 1;
      const socket = connect(8000, '${METADATA}').on('connect', () => { reached += 1; }).on('error', () => {});
      setTimeout(() => { socket.destroy(); open -= 1; next(); }, 5); };
    for (let i = 0; i < 4; i++) next();`.replaceAll(/\s+/g, ' ');
  const trying = inside('alice', `node -e "${attempts}"`);
  const Labels = { 'devenv.instance': devenv.instance };
  let isOver = false;
  void trying.then(() => {
    isOver = true;
  });
  let networks = 0;
  for (; !isOver; networks += 1) {
    const other = await docker.createNetwork({ Name: `${devenv.instance}-other`, Labels });
    await other.remove();
  }
  expect(await trying).toBe('5000 0');
  expect(networks).toBeGreaterThan(2);
});

test('a student is not root, has no capability and cannot gain any', async () => {
  expect(
    await inside('alice', 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\\t"'),
  ).toBe(['CapEff:0000000000000000', 'CapBnd:0000000000000000', 'NoNewPrivs:1', 'Seccomp:2'].join('\n'));
  const ids = async (student: string) => (await inside(student, 'id -u; id -g')).split('\n').map(Number);
  const [aliceUid, ...aliceGid] = await ids('alice');
  const [bobUid] = await ids('bob');
  expect(aliceGid).toEqual([aliceUid]);
  expect(aliceUid).toBeGreaterThanOrEqual(20_000);
  expect(bobUid).toBeGreaterThanOrEqual(20_000);
  expect(bobUid).not.toBe(aliceUid);
  expect(await inside('alice', 'command -v sudo su || :; find / -xdev -perm /6000 -type f 2>/dev/null')).toBe(
    await inside('alice', 'command -v su || :'),
  );
  expect(await inside('alice', 'ls /var/run/docker.sock /run/docker.sock 2>/dev/null || echo none')).toBe(
    'none',
  );
  expect(
    await inside('alice', 'touch /usr/lib/devenv/x /run/devenv-host/x 2>/dev/null || echo refused'),
  ).toBe('refused');
});

test('limits are set, and the only port is on loopback', async () => {
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
  const { stdout: sockets } = await $`ss -ltnH ${`sport = :${view.port}`}`;
  expect(
    sockets
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/)[3]),
  ).toEqual([`127.0.0.1:${view.port}`]);
});

test('a flushed firewall is installed again before a student starts, and automatically', async () => {
  let answer = '';
  // The orchestrator may install it again before the address is tried.
  const isReached = async () => {
    iptables('-F', `${bridge}-fwd`);
    removeJumps(inputJumps(bridge));
    answer = await tryFrom('alice', `${METADATA}:8000`);
    return answer === 'reached';
  };
  await waitFor('the address to be reached', isReached, { lastSeen: () => answer });
  await devenv.succeed('restart', 'bob');
  expect(await tryFrom('alice', `${METADATA}:8000`)).toMatch(/^no: 7/);
  expect(removeJumps(forwardJumps(bridge))).toEqual(forwardJumps(bridge));
  await waitFor(
    'the firewall to be installed again',
    async () => (await tryFrom('alice', `${METADATA}:8000`)).startsWith('no'),
    { everyMs: 1000 },
  );
});

test('an orchestrator that starts while students run installs a missing firewall', async () => {
  await devenv.succeed('down');
  expect(removeJumps(forwardJumps(bridge))).toEqual(forwardJumps(bridge));
  await devenv.succeed('up');
  await waitFor(
    'the firewall to be installed',
    async () => (await tryFrom('alice', `${METADATA}:8000`)).startsWith('no'),
    { timeoutMs: 15_000, everyMs: 300 },
  );
  const firewall = (await devenv.json<Diagnostic[]>('doctor')).find(({ subject }) => subject === 'Firewall');
  expect(firewall).toMatchObject({ ok: true, found: 'active' });
});

test('`devenv egress none` cuts a student off while they work, and visitors still reach the link', async () => {
  const target = `${ALLOWED}:8000`;
  const { port } = await devenv.json<StudentView>('status', 'alice');
  const visit = async () => (await browse({ port, host: devenv.hostForRelay('alice') })).status;
  const before = await visit();
  // A connection that exists already.
  const open = `node -e "const s = require('net').connect(8000, '${ALLOWED}', () => console.log('open')); s.on('error', (e) => { console.log(e.code); process.exit(); }); setInterval(() => s.write('x'), 100)"`;
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  terminal.type(`${open}\r`);
  await terminal.see(/^open/m);
  expect(await devenv.succeed('egress', 'none', 'alice')).toBe('class: internet\nalice: none\n');
  await terminal.see(/ECONNRESET|EPIPE/);
  terminal.kill();
  expect(await tryFrom('alice', target)).toMatch(/^no: 7/);
  expect(await tryFrom('bob', target)).toBe('reached');
  expect(await visit()).toBe(before);

  await devenv.succeed('egress', 'none');
  expect(await tryFrom('bob', target)).toMatch(/^no: 7/);
  // After a restart of environment and orchestrator, too.
  await devenv.succeed('down');
  await devenv.succeed('up');
  await devenv.succeed('egress', 'internet', 'alice');
  await devenv.succeed('restart', 'alice');
  await devenv.succeed('restart', 'bob');
  expect(await tryFrom('alice', target)).toBe('reached');
  expect(await tryFrom('bob', target)).toMatch(/^no: 7/);
  expect(await devenv.json('egress', 'internet')).toEqual({ everyone: 'internet', exceptions: {} });
  expect(await tryFrom('bob', target)).toBe('reached');
});

/** The test's own bridge without its address: the firewall can't be installed then. */
async function withoutBridgeAddress(task: () => Promise<void>): Promise<void> {
  const { stdout } = await $`ip -4 -o addr show dev ${bridge}`;
  const address = stdout.match(/ inet (\S+)/)?.[1] ?? '';
  await $`ip addr del ${address} dev ${bridge}`;
  try {
    await task();
  } finally {
    await $`ip addr add ${address} brd + dev ${bridge}`;
  }
}

test('students without a firewall have no network and know why; all of it returns automatically', async () => {
  const environment = async (name: string) => (await devenv.json<StudentView>('status', name)).environment;
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  // While a program runs, notices are shown at once, not at the next prompt.
  terminal.type('cat\r');
  await withoutBridgeAddress(async () => {
    const { code, stderr } = await devenv.devenv(['restart', 'bob']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/firewall could not be installed/)]);
    expect(await environment('alice')).toMatchObject({ state: 'running', problem: { code: 'network' } });
    expect(await environment('bob')).toMatchObject({ state: 'stopped' });
    expect(await devenv.succeed('list')).toMatch(/alice .*no network/);
    const doctor = await devenv.devenv(['doctor', '--json']);
    const firewall = (JSON.parse(doctor.stdout) as Diagnostic[]).find(
      ({ subject }) => subject === 'Firewall',
    );
    expect(firewall).toMatchObject({ ok: false, found: expect.stringContaining('students have no network') });
    await terminal.see(/Your environment has no network/);
    expect(await tryFrom('alice', `${gateway}:${hostPort}`)).toMatch(/^no:/);
  });
  await waitFor('the network to return and bob to start', async () => {
    const [alice, bob] = [await environment('alice'), await environment('bob')];
    return alice.problem === null && bob.state === 'running';
  });
  await terminal.see(/Your environment has its network again/);
  terminal.kill();
  expect(await tryFrom('alice', `${METADATA}:8000`)).toMatch(/^no: 7/);
});

test("a neighbor with a route to the bridge does not reach a student's relay, and does without the rule", async () => {
  const [alice] = Object.values(
    (await docker.getContainer(`devenv-${devenv.instance}-alice`).inspect()).NetworkSettings.Networks,
  );
  const relay = `${alice?.IPAddress}:${RELAY_PORT}`;
  const jump = ['PREROUTING', '!', '-i', bridge, '-j', `${bridge}-pre`];
  const raw = (operation: string) => iptables('-t', 'raw', operation, ...jump);
  // Docker protects its containers too since version 28.
  const engineProtects = Number((await docker.version()).Version.split('.')[0]) >= 28;
  let unprotected = '';
  const attack = async () => {
    raw('-D');
    unprotected = await network.statusOf(relay, 'localhost');
    return unprotected !== '000' || engineProtects;
  };
  // The orchestrator may install the rule again before the address is tried.
  await waitFor('the relay to answer without the rule', attack, { lastSeen: () => unprotected });
  await devenv.succeed('restart', 'bob');
  expect(raw('-C')).toBe(true);
  expect(await network.statusOf(relay, 'localhost')).toBe('000');
  const { port } = await devenv.json<StudentView>('status', 'alice');
  expect((await browse({ port, host: 'localhost', path: '/' })).status).toBeGreaterThan(0);
  expect(
    await inside('alice', `curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:${RELAY_PORT}/`),
  ).not.toBe('000');
});

test('students get the image that these tests use', async () => {
  const info = await docker.getContainer(`devenv-${devenv.instance}-alice`).inspect();
  expect(info.Config.Image).toBe(await studentImage());
});
