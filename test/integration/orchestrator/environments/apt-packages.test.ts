/** Installing Debian packages, with stand-ins for `apt-get` and `dpkg`: the edge of the machine. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from '../../../../orchestrator/environments/apt-packages.ts';
import { silentProgress } from '../../../support/progress.ts';

let folder: string;
const realPath = process.env.PATH;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-apt-'));
  mkdirSync(join(folder, 'bin'));
  process.env.PATH = `${join(folder, 'bin')}:${realPath}`;
});

afterEach(() => {
  process.env.PATH = realPath;
  rmSync(folder, { recursive: true, force: true });
});

function standIn(name: string, script: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\necho "${name} $*" >>${folder}/calls\n${script}\n`, {
    mode: 0o755,
  });
}

const calls = () => readFileSync(join(folder, 'calls'), 'utf8');

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

test('an install that was cut short earlier on this host is finished first, and said', async () => {
  standIn('dpkg', `touch ${folder}/repaired`);
  standIn(
    'apt-get',
    `[ -e ${folder}/repaired ] || { echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem." >&2; exit 100; }`,
  );
  const { steps, done } = install();
  await done;
  expect(steps).toEqual([
    'There is no engine on this host: installing some-engine with apt-get',
    expect.stringContaining('cut short'),
  ]);
  expect(calls()).toMatch(/^dpkg .*--configure -a$/m);
});

test('an install that fails says why, and the command to try by hand', async () => {
  standIn('apt-get', 'echo "E: Unable to locate package some-engine" >&2; exit 100');
  await expect(install().done).rejects.toMatchObject({
    code: 'engine',
    what: expect.stringContaining('E: Unable to locate package some-engine'),
    next: expect.stringContaining('apt-get install -y --no-install-recommends some-engine'),
  });
});

test('a repair that fails is not tried again and again', async () => {
  standIn('dpkg', 'exit 1');
  standIn('apt-get', 'echo "E: dpkg was interrupted, you must manually run" >&2; exit 100');
  await expect(install().done).rejects.toMatchObject({
    what: expect.stringContaining('dpkg was interrupted'),
  });
  expect(calls().match(/^dpkg /gm)).toHaveLength(1);
});

test('nothing is installed where that is not allowed: the command is shown instead', async () => {
  standIn('apt-get', 'exit 0');
  await expect(install(false).done).rejects.toMatchObject({
    code: 'engine',
    what: 'There is no engine on this host, and DEVENV_NO_INSTALL is set.',
    next: expect.stringContaining('apt-get install'),
  });
  expect(calls).toThrow('ENOENT');
});
