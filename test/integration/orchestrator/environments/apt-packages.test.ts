/** Installing Debian packages, with stand-ins for `apt-get` and `dpkg`. */
import { installPackages } from '../../../../orchestrator/environments/apt-packages.ts';
import { silentProgress } from '../../../support/progress.ts';
import { StandIns } from '../../../support/stand-ins.ts';

let standIns: StandIns;

beforeEach(() => {
  standIns = new StandIns();
});

afterEach(() => standIns.remove());

function install(mayInstall = true): { steps: string[]; done: Promise<void> } {
  const steps: string[] = [];
  const done = installPackages({
    packages: ['some-engine'],
    need: 'There is no engine on this host',
    code: 'engine',
    mayInstall,
    progress: { ...silentProgress, step: (_id, text) => steps.push(text) },
    signal: new AbortController().signal,
  });
  return { steps, done };
}

test('an interrupted earlier install is finished first, and reported', async () => {
  standIns.add('dpkg', `touch ${standIns.folder}/repaired`);
  standIns.add(
    'apt-get',
    `[ -e ${standIns.folder}/repaired ] || { echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem." >&2; exit 100; }`,
  );
  const { steps, done } = install();
  await done;
  expect(steps).toEqual([
    'There is no engine on this host: installing some-engine with apt-get',
    expect.stringContaining('interrupted'),
  ]);
  expect(standIns.calls()).toMatch(/^dpkg .*--configure -a$/m);
});

test('a failed install says why, and which command to run', async () => {
  standIns.add('apt-get', 'echo "E: Unable to locate package some-engine" >&2; exit 100');
  await expect(install().done).rejects.toMatchObject({
    code: 'engine',
    what: expect.stringContaining('E: Unable to locate package some-engine'),
    next: expect.stringContaining('apt-get install -y --no-install-recommends some-engine'),
  });
});

test('a failed repair is tried once', async () => {
  standIns.add('dpkg', 'exit 1');
  standIns.add('apt-get', 'echo "E: dpkg was interrupted, you must manually run" >&2; exit 100');
  await expect(install().done).rejects.toMatchObject({
    what: expect.stringContaining('dpkg was interrupted'),
  });
  expect(standIns.calls()?.match(/^dpkg /gm)).toHaveLength(1);
});

test('where installing is forbidden, the error names the command', async () => {
  standIns.add('apt-get', 'exit 0');
  await expect(install(false).done).rejects.toMatchObject({
    code: 'engine',
    what: 'There is no engine on this host, and DEVENV_NO_INSTALL is set.',
    next: expect.stringContaining('apt-get install'),
  });
  expect(standIns.calls()).toBeNull();
});
