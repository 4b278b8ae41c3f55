import type { StudentView } from '../../orchestrator/student-view.ts';
import { MockCloudflare, MockConnector } from '../cloudflare/index.ts';
import { browse } from '../support/browse.ts';
import { Installation } from '../support/installation.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

let mock: MockCloudflare;
let connector: MockConnector;
let devenv: Installation;

const PUBLIC = 'https://alice.example.com';
const local = () => `http://alice.localhost:${devenv.edgePort}`;
const recordNames = () => mock.account.records.map(({ name }) => name);
const rules = () => mock.account.tunnel.hostnames;

beforeAll(async () => {
  mock = await MockCloudflare.start({ connectorDelayMs: 100 });
  connector = await MockConnector.start(mock.account);
  devenv = await Installation.make();
  await devenv.succeed('create', 'alice');
});

afterAll(async () => {
  await devenv.remove();
  await connector.stop();
  await mock.stop();
});

/** `down`, other settings, `up`. */
async function changeEdge(edge: 'local' | 'cloudflare'): Promise<void> {
  await devenv.succeed('down');
  const settings = { ...mock.env(), DEVENV_CONNECTOR_METRICS: connector.metricsAddress };
  if (edge === 'cloudflare') Object.assign(devenv.env, settings);
  else for (const name of Object.keys(settings)) delete devenv.env[name];
  await devenv.succeed('up');
}

/** A shell whose greeting names that link. */
async function openShell(link: string): Promise<Terminal> {
  const terminal = devenv.terminal(['shell', 'alice'], { columns: 200 });
  await terminal.see(/\$ $/);
  expect(terminal.text).toContain(`Your link is ${link},`);
  expect(await terminal.run('echo "$DEVENV_URL"')).toBe(link);
  await terminal.run('cd ~/hello');
  return terminal;
}

async function serve(terminal: Terminal, link: string): Promise<void> {
  terminal.type('npm run dev\r');
  await terminal.see(new RegExp(`live at ${link}`));
}

test('the link follows the settings for students at work and for later ones, without a restart of the environment', async () => {
  const before = await openShell(local());
  await serve(before, local());
  expect((await devenv.visit('alice')).status).toBe(200);

  await changeEdge('cloudflare');
  await before.see(new RegExp(`live at ${PUBLIC}`));
  const visit = () => browse({ port: connector.port, host: 'alice.example.com' });
  expect((await visit()).status).toBe(200);
  expect([recordNames(), rules()]).toEqual([['alice.example.com'], ['alice.example.com']]);
  expect(await devenv.json<StudentView>('status', 'alice')).toMatchObject({
    hostname: 'alice.example.com',
    url: PUBLIC,
    link: { phase: 'open', live: true, problem: null },
  });
  await before.leave();
  await waitFor('the rule to be gone', () => rules().length === 0);

  const later = await openShell(PUBLIC);
  expect(await later.run('devenv-status')).toMatch(/^link +https:\/\/alice\.example\.com\s*$/m);
  await serve(later, PUBLIC);
  expect((await visit()).status).toBe(200);
  await later.leave();
  await waitFor('the rule to be gone', () => rules().length === 0);

  await changeEdge('local');
  const back = await openShell(local());
  await serve(back, local());
  expect((await devenv.visit('alice')).status).toBe(200);
  await back.leave();
});
