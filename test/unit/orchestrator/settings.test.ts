import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configurationPage, environmentOnly } from '../../../docs/generate-configuration.ts';
import { allSettings, loadSettings, stateDirOf } from '../../../orchestrator/settings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = (env: NodeJS.ProcessEnv = {}, file?: string) => {
  if (file !== undefined) writeFileSync(join(folder, 'devenv.yaml'), file);
  return loadSettings({
    env: { DEVENV_STATE_DIR: folder, ...env },
    hostname: 'Lab-7.school.example',
    uid: 0,
    home: '/root',
  });
};

test("without file and variables: the defaults, and the host's short name as the instance", () => {
  expect(load()).toMatchObject({
    instance: 'lab-7',
    listen: '127.0.0.1:8080',
    edge: 'local',
    hostname: null,
    cloudflare: { dns: 'student', budget: 600, deepHostnames: false },
    firstPort: 3001,
    starter: null,
    limits: { memory: '2g', pids: 512 },
    times: { grace: 30, lease: 30 },
    stateDir: folder,
  });
});

test('the file is read, and the environment wins', () => {
  const settings = load(
    { DEVENV_LIMITS_PIDS: '200', DEVENV_ALLOW: '10.0.0.1, 10.1.0.0/16:443' },
    'limits:\n  pids: 100\n  memory: 1g\n',
  );
  expect(settings.limits).toMatchObject({ pids: 200, memory: '1g' });
  expect(settings.allow).toEqual(['10.0.0.1', '10.1.0.0/16:443']);
});

test.each([
  ['nope: 1\n', "no setting 'nope'"],
  ['limits:\n  ram: 1g\n', "no setting 'limits.ram'"],
  ['limits: 7\n', "'limits' is 7"],
  ['limits:\n  pids: many\n', 'limits.pids'],
  ['limits:\n  pids: 1\n', 'from 64 to 65536'],
  ['edge: cloud\n', 'one of local, cloudflare'],
  ['listen: 127.0.0.1:65536\n', 'an address and port'],
  ['listen: 127.0.0.1:99999\n', 'an address and port'],
  ['watch: npm\n', 'a list of texts'],
  ['sessionHolders: [/usr/bin/ttyd]\n', 'a list of names of programs like ttyd'],
  ["sessionHolders: ['*']\n", 'a list of names of programs like ttyd'],
  ['sessionHolders: ttyd\n', 'a list of names of programs like ttyd'],
  ['cloudflare:\n  accountId: mine\n', '32 hex digits'],
  ['cloudflare:\n  deepHostnames: 1\n', 'true or false'],
  ['cloudflare:\n  apiToken: secret\n', "no setting 'cloudflare.apiToken'"],
  ['hostname: static.example\n', '{student}'],
  ['a: [\n', 'not valid YAML'],
  ['- a\n', 'must contain settings'],
])('the file %p is refused: the error names the path and says %p', (file, expected) => {
  expect(() => load({}, file)).toThrow(
    expect.objectContaining({ code: 'bad-settings', what: expect.stringContaining(expected) }),
  );
  expect(() => load({}, file)).toThrow(
    expect.objectContaining({ what: expect.stringContaining(join(folder, 'devenv.yaml')) }),
  );
});

test('an invalid variable is named, and all mistakes are reported at once', () => {
  expect(() => load({ DEVENV_GRACE: 'soon', DEVENV_LISTEN: 'here' }, 'nope: 1\n')).toThrow(
    expect.objectContaining({ what: expect.stringMatching(/nope[\s\S]*DEVENV_LISTEN[\s\S]*DEVENV_GRACE/) }),
  );
  expect(() => load({ DEVENV_CONFIG: '/not/there.yaml' })).toThrow(/does not exist/);
});

test('listen accepts every port, with a name, an IPv4 or an IPv6 address', () => {
  for (const listen of ['0.0.0.0:65535', 'lab:80', '[::1]:60000', '127.0.0.1:0', '127.0.0.1:59999'])
    expect(load({ DEVENV_LISTEN: listen }).listen).toBe(listen);
});

test("the state folder is the variable's, root's or the user's", () => {
  const at = (env: NodeJS.ProcessEnv, uid: number) =>
    stateDirOf({ env, uid, home: '/home/eve', hostname: 'h' });
  expect(at({ DEVENV_STATE_DIR: '/s' }, 0)).toBe('/s');
  expect(at({}, 0)).toBe('/var/lib/devenv');
  expect(at({}, 1000)).toBe('/home/eve/.local/state/devenv');
  expect(at({ XDG_STATE_HOME: '/x' }, 1000)).toBe('/x/devenv');
});

test('docs/configuration.md is what `npm run docs:configuration` writes', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  expect(page).toBe(configurationPage());
});

test('docs/configuration.md has a row for each setting and for each variable', () => {
  const page = configurationPage();
  const rows = [...page.matchAll(/^\| `([\w.]+)` +\|(?: `(\w+)` +\|)?/gm)].map(([, first, second]) => [
    first,
    second,
  ]);
  for (const { path, env } of allSettings()) expect(rows).toContainEqual([path, env]);
  for (const { env } of environmentOnly) expect(rows).toContainEqual([env, undefined]);
});
