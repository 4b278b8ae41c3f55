/** Wrong requests are refused before anything is changed: exit code 2 and a helpful text, without a stack trace. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation } from '../support/installation.ts';

let devenv: Installation;

beforeEach(async () => {
  devenv = await Installation.make();
});

afterEach(async () => {
  await devenv.remove();
});

test.each([
  ['', 'empty'],
  ['a'.repeat(64), '63'],
  ['Alice', 'alice'],
  ['-a', 'a'],
  ['a_b', 'a-b'],
  ['ä', 'ae'],
  ['../x', 'x'],
  ['www', 'reserved'],
])('the name %p is refused with the rule and a suggestion', async (name, expected) => {
  const { code, stdout, stderr } = await devenv.devenv(['create', '--', name]);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(expected);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(readdirSync(devenv.stateDir)).toEqual([]);
});

test('with --json an error is an object with code, what and next', async () => {
  const { code, stdout } = await devenv.devenv(['create', 'a_b', '--json']);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    error: {
      code: 'bad-input',
      what: expect.any(String),
      next: expect.any(String),
    },
  });
});

test.each([
  ['limts:\n  memory: 1g\n', 'limts'],
  ['limits:\n  memory: 7\n', 'limits.memory'],
  ['limits:\n  pids: many\n', 'limits.pids'],
  ['times: 3\n', 'times'],
  ['[1, 2\n', 'devenv.yaml'],
])('a settings file with %p is named with its path', async (text, expected) => {
  writeFileSync(join(devenv.stateDir, 'devenv.yaml'), text);
  const { code, stderr } = await devenv.devenv(['create', 'alice']);
  expect(code).toBe(2);
  expect(stderr).toContain('devenv.yaml');
  expect(stderr).toContain(expected);
  expect(readdirSync(devenv.stateDir)).toEqual(['devenv.yaml']);
});

test('the instance name of another installation is refused before anything is changed', async () => {
  await devenv.succeed('create', 'first');
  const other = await Installation.make({ env: { DEVENV_INSTANCE: devenv.instance } });
  const { code, stderr } = await other.devenv(['create', 'alice']);
  expect([code, stderr]).toEqual([1, expect.stringContaining(devenv.stateDir)]);
  expect(stderr).toContain('DEVENV_INSTANCE');
  expect((await devenv.json<StudentView[]>('list')).map(({ name }) => name)).toEqual(['first']);
  rmSync(other.stateDir, { recursive: true, force: true });
});
