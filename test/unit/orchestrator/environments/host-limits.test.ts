import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { raiseHostLimits } from '../../../../orchestrator/environments/host-limits.ts';
import { FakeSysctls } from '../../../support/fake-sysctls.ts';

const INSTANCES = 'fs.inotify.max_user_instances';
const PTYS = 'kernel.pty.max';

let host: FakeSysctls;
let said: string[] = [];
const progress = {
  step: (_id: string, text: string) => said.push(text),
  done: (_id: string, text: string) => said.push(text),
  warn: (text: string) => said.push(text),
};
const raise = () => {
  said = [];
  raiseHostLimits(progress, host);
};
const settingsIn = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^[^#]/.test(line));

beforeEach(() => {
  host = new FakeSysctls({ [INSTANCES]: 128, [PTYS]: 1_000_000 });
});
afterEach(() => host.remove());

test('raises what is too low, now and for the next boot, and says so; keeps what is higher', () => {
  raise();
  expect([host.get(INSTANCES), host.get(PTYS)]).toEqual([1024, 1_000_000]);
  expect(settingsIn(host.config)).toEqual([`${INSTANCES} = 1024`]);
  expect(said[0]).toContain(`${INSTANCES} = 1024`);
  expect(said[0]).toContain(host.config);
});

test('a second run changes nothing and says nothing', () => {
  raise();
  const before = statSync(host.config).mtimeMs;
  raise();
  expect([said, statSync(host.config).mtimeMs]).toEqual([[], before]);
});

test('a higher value in the file is kept, and so is what an earlier run raised', () => {
  mkdirSync(dirname(host.config), { recursive: true });
  writeFileSync(host.config, `${INSTANCES} = 4096\nkernel.pty.max = 20000\n`);
  raise();
  expect(settingsIn(host.config)).toEqual([`${INSTANCES} = 4096`, 'kernel.pty.max = 20000']);
  expect(host.get(INSTANCES)).toBe(1024);
});

test('where every limit is high enough, no file is written', () => {
  host.set(INSTANCES, 8192);
  raise();
  expect([said, existsSync(host.config)]).toEqual([[], false]);
});

test('a host that refuses the file gets a warning, and no limit is raised only until the next boot', () => {
  writeFileSync(dirname(host.config), 'a file where the folder should be');
  raise();
  expect(said.at(-1)).toMatch(/could not be raised/);
  expect(host.get(INSTANCES)).toBe(128);
});
