/** Students' links on the cloudflare edge: real containers and terminals, a mock of the API, and a mock connector for visitors. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Diagnostic, Drift } from '../../orchestrator/domain.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { MockCloudflare, MockConnector } from '../cloudflare/index.ts';
import { findSecret } from '../support/find-secret.ts';
import { Installation } from '../support/installation.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

let mock: MockCloudflare;
let connector: MockConnector;
let devenv: Installation;

const link = 'https://alice.example.com';
/** The latency of each call that starts from now on. */
const latency = { ms: 30 };
const rules = () => mock.account.tunnel.hostnames;
const recordNames = () => mock.account.records.map(({ name }) => name);
const status = (student = 'alice') => devenv.json<StudentView>('status', student);

async function openShell(student = 'alice'): Promise<Terminal> {
  const terminal = devenv.terminal(['shell', student], { columns: 200 });
  await terminal.see(/\$ $/);
  await terminal.run('cd ~/hello');
  return terminal;
}

beforeAll(async () => {
  mock = await MockCloudflare.start({ latency, connectorDelayMs: 100 });
  connector = await MockConnector.start(mock.account);
  devenv = await Installation.make({
    // Far above the latencies below, so that no call times out on a busy machine.
    env: {
      ...mock.env(),
      DEVENV_CONNECTOR_METRICS: connector.metricsAddress,
      DEVENV_CLOUDFLARE_TIMEOUT: '60',
    },
    visitors: { zone: mock.zoneName, port: connector.port },
  });
  mock.foreign.addRecord({ name: 'bob.example.com', type: 'A', content: '192.0.2.7' });
  await devenv.succeed('create', 'alice');
});

afterAll(async () => {
  await devenv.remove();
  await connector.stop();
  await mock.stop();
});

test('`create` adds the record, `npm run dev` the rule; visitors see the page; `exit` removes the rule and keeps the record', async () => {
  await waitFor('the record', () => recordNames().includes('alice.example.com'));
  expect(rules()).toEqual([]);
  expect(await devenv.statusOf('alice')).toBe(503);
  const terminal = await openShell();
  expect(terminal.text).toContain(link);
  terminal.type('npm run dev\r');
  await terminal.see(new RegExp(`live at ${link}`));
  expect((await devenv.visit('alice')).status).toBe(200);
  expect((await status()).link).toMatchObject({ phase: 'open', live: true, problem: null });
  expect(await devenv.succeed('list')).toMatch(/alice .*https:\/\/alice\.example\.com/);
  await terminal.leave();
  await waitFor('the rule to be gone', () => rules().length === 0);
  await waitFor('the connector to drop the rule', async () => (await devenv.statusOf('alice')) === 404);
  expect(recordNames()).toContain('alice.example.com');
});

test('`sync --dry-run` lists what was changed by hand, and `sync` repairs it', async () => {
  const [record] = mock.account.records.filter(({ name }) => name === 'alice.example.com');
  mock.foreign.removeRecord(record?.id ?? '');
  const row = {
    hostname: 'alice.example.com',
    student: 'alice',
    found: 'no record',
    action: 'add it',
    failed: null,
  };
  expect(await devenv.json<Drift[]>('sync', '--dry-run')).toEqual([row]);
  expect(await devenv.succeed('sync', '--dry-run')).toMatch(/alice\.example\.com +alice +no record +add it/);
  expect(recordNames()).not.toContain('alice.example.com');
  expect(await devenv.succeed('sync')).toMatch(/no record +add it: done/);
  expect(recordNames()).toContain('alice.example.com');
  expect(await devenv.succeed('sync')).toMatch(/in sync/);
  expect((await devenv.json<Diagnostic[]>('doctor')).filter(({ ok }) => !ok)).toEqual([]);
});

test('a problem is reported in the student’s terminal and to the instructor until it is solved', async () => {
  mock.account.scopes.delete('tunnel');
  const terminal = await openShell();
  terminal.type('npm run dev\r');
  const refusal =
    /Not public yet: Cloudflare does not let this token change .*Authentication error.*Tell your instructor/;
  await terminal.see(refusal);
  expect((await status()).link).toMatchObject({
    phase: 'opening',
    problem: { code: 'edge', what: expect.stringMatching(/token/) },
  });
  expect(await devenv.succeed('status', 'alice')).toMatch(/does not let this token change/);
  const doctor = await devenv.devenv(['doctor']);
  expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/✗ Tunnel: .*\n +Give the token/)]);
  const sync = await devenv.devenv(['sync']);
  expect([sync.code, sync.stderr]).toEqual([1, expect.stringMatching(/does not let this token/)]);

  // The token is corrected, but then Cloudflare's rate limit is reached for some seconds.
  mock.account.scopes.add('tunnel');
  mock.faults.next({ kind: 'config-put' }, { kind: 'rate-limited', retryAfter: 15 });
  const limited = await devenv.devenv(['sync']);
  expect([limited.code, limited.stdout]).toEqual([
    1,
    expect.stringMatching(/devenv continues automatically (at \d\d:\d\d:\d\d \(in \d+ s\)|now)\./),
  ]);
  await terminal.see(/Not public yet: Cloudflare's rate limit is reached: no API calls for 15 s/);
  await terminal.see(new RegExp(`live at ${link}`));
  expect((await devenv.visit('alice')).status).toBe(200);

  // A daemon that stops leaves links open, and one that starts writes nothing if nothing differs.
  await devenv.succeed('down');
  expect((await devenv.visit('alice')).status).toBe(200);
  const { version } = mock.account.tunnel;
  await devenv.succeed('up');
  await waitFor('the link to be live', async () => (await status()).link.live);
  expect(mock.account.tunnel.version).toBe(version);

  // If a link cannot close, that is the instructor's problem: the student's terminal must not call it not public yet.
  mock.faults.next({ kind: 'config-put' }, 'refused', 1000);
  const saidBefore = terminal.text.length;
  await devenv.succeed('close', 'alice');
  await terminal.see(/closed by your instructor/);
  await waitFor('the refusal', async () => (await status()).link.problem);
  expect(await devenv.succeed('list')).toMatch(/alice .*closing, problem/);
  expect(await devenv.succeed('status', 'alice')).toMatch(
    /closing, problem: closed by you.*does not let this token.*refused by the environment/s,
  );
  expect(await devenv.succeed('logs', 'alice')).toMatch(/link closing: .*does not let this token/);
  expect(await devenv.succeed('shell', 'alice', '--', 'devenv-status')).toMatch(
    /Visitors can no longer use your link/,
  );
  expect(terminal.text.slice(saidBefore)).not.toMatch(/[Nn]ot public yet/);
  expect(await devenv.statusOf('alice')).toBe(503);
  mock.faults.clear();
  await devenv.succeed('sync');
  expect(rules()).toEqual([]);
  await terminal.leave();
});

test('a student who waits for Cloudflare is told so in the terminal, with the names of others who wait', async () => {
  await devenv.succeed('create', 'carol');
  const [alice, carol] = await Promise.all([openShell('alice'), openShell('carol')]);
  // The student is told after three seconds; alice's link takes a read and a write to open.
  latency.ms = 10_000;
  alice.type('npm run dev\r');
  await waitFor("alice's link to be opening", async () => (await status('alice')).link.phase === 'opening');
  carol.type('npm run dev\r');
  await carol.see(/Opening your link… \(in progress with alice\)/);
  expect((await devenv.devenv(['shell', 'carol', '--', 'devenv-status'])).stdout).toMatch(
    /^note +Opening your link… \(in progress with alice\)/m,
  );
  latency.ms = 30;
  await Promise.all([alice, carol].map((each) => each.see(/live at https/)));
  await Promise.all([alice.leave(), carol.leave()]);
  await devenv.succeed('rm', 'carol', '--yes');
  await waitFor('the rules to be gone', () => rules().length === 0);
});

test('while Cloudflare is unreachable, a student who leaves is not public and connected visitors are disconnected; a daemon that stops disconnects no visitor', async () => {
  const terminal = await openShell();
  const listener = '(q, r) => q.url === "/stream" ? r.write("on") : r.end("still here")';
  // The server outlives the terminal in a session of its own.
  terminal.type(`setsid node -e 'require("http").createServer(${listener}).listen(process.env.PORT)' &\r`);
  await waitFor('the page', async () => (await devenv.statusOf('alice')) === 200);
  const stream = request({ port: connector.port, path: '/stream', headers: { host: 'alice.example.com' } });
  const [answer] = (await once(stream.end(), 'response')) as [IncomingMessage];
  answer.on('error', () => {}).resume();
  await devenv.succeed('down');
  await devenv.succeed('up');
  await waitFor('the link to be live', async () => (await status()).link.live);
  expect(answer.closed).toBe(false);

  mock.faults.next({}, 'reset-before', 1000);
  terminal.type('exit\r');
  await terminal.ended;
  await waitFor('the environment to refuse visitors', async () => (await devenv.statusOf('alice')) === 503);
  await waitFor('the stream to be disconnected', () => answer.closed);
  expect(rules()).toEqual(['alice.example.com']);
  expect((await devenv.visit('alice')).body).toContain('This link is closed right now');
  mock.faults.clear();
  await waitFor('the rule to be gone', () => rules().length === 0);
  await devenv.succeed('restart', 'alice');
});

test('a hostname with a foreign record: `create` works, the conflict is reported, and `open --adopt` replaces the record', async () => {
  await devenv.succeed('create', 'bob');
  const problem = await waitFor('the conflict', async () => (await status('bob')).link.problem);
  expect(problem).toMatchObject({ code: 'conflict', what: expect.stringMatching(/A 192\.0\.2\.7/) });
  expect(await devenv.succeed('sync')).toMatch(
    /bob .*record of another owner: A 192\.0\.2\.7 +not changed: check it/,
  );
  await devenv.succeed('open', 'bob', '--adopt');
  // 503 is the relay's page: no server listens yet.
  const isPage = async () => (await status('bob')).link.live && (await devenv.statusOf('bob')) === 503;
  await waitFor('the page', isPage);
  expect(mock.account.records.find(({ name }) => name === 'bob.example.com')?.content).toBe(
    mock.account.tunnelHostname,
  );
});

test('the token is in no other file, no argument, no container and no output', async () => {
  const said = await Promise.all([
    devenv.succeed('status', 'alice', '--json'),
    devenv.succeed('list', '--json'),
    devenv.succeed('doctor', '--json'),
    devenv.succeed('logs', '--lines', '1000'),
    devenv.succeed(
      'shell',
      'alice',
      '--',
      'sh',
      '-c',
      'env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"',
    ),
  ]);
  expect(said.join('\n')).toMatch(/PORT=/);
  expect(said.join('\n')).not.toContain(mock.token);
  expect(await findSecret(mock.token, { folder: devenv.stateDir, instance: devenv.instance })).toEqual([]);
});

test('`rm` succeeds while Cloudflare is unreachable or refuses, and names what may remain; devenv removes the rest automatically', async () => {
  const [later, refused] = ['rm-later', 'rm-refused'];
  for (const name of [later, refused]) {
    await devenv.succeed('create', name);
    await devenv.succeed('open', name);
  }
  await waitFor('their rules', () => rules().length === 3);
  mock.faults.next({}, 'reset-before', 1000);
  const unreachable = await devenv.devenv(['rm', 'bob', '--yes']);
  expect([unreachable.code, unreachable.stdout]).toEqual([0, expect.stringContaining('Removed bob.')]);
  expect(unreachable.stderr).not.toContain('link is closed');
  expect(unreachable.stderr).toMatch(
    /! bob's link no longer works, but the edge may still have a rule or DNS record for bob\.example\.com: Cloudflare could not be reached .*The rest is removed automatically.*`devenv sync` tries it now/,
  );
  const removed = JSON.parse((await devenv.devenv(['rm', later, '--yes', '--json'])).stdout);
  expect(removed).toEqual({
    removed: later,
    keptHome: false,
    warnings: [expect.stringMatching(/may still have.*could not be reached/)],
  });
  expect(rules()).toHaveLength(3);
  mock.faults.clear();
  await waitFor('rules and records to be gone', () => rules().length === 1 && recordNames().length === 2);

  mock.account.scopes.delete('tunnel');
  const { code, stderr } = await devenv.devenv(['rm', refused, '--yes']);
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /may still have .*does not let this token change .*The token needs Account .*`devenv doctor`.*`devenv sync`/,
  );
  expect(stderr).not.toContain('Tell your instructor');
  expect(await devenv.succeed('logs')).toMatch(
    /the edge may still have a rule or DNS record .*does not let this token/,
  );
  mock.account.scopes.add('tunnel');
  expect(await devenv.succeed('sync')).toMatch(/rm-refused.*rule for a closed link +remove it: done/);
  expect(rules()).toEqual([]);
  const gone = await devenv.devenv(['rm', 'alice', '--yes']);
  expect([gone.code, gone.stderr]).toEqual([0, expect.stringContaining("alice's link is closed")]);
  expect(gone.stderr).not.toContain('may still have');
  expect(recordNames()).toEqual([]);
});
