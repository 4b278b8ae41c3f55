/** `devenv update` with an orchestrator whose students and image are made up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Errors } from 'typebox/value';
import type { Backend } from '../../../../orchestrator/api/backend.ts';
import { startApi } from '../../../../orchestrator/api/server.ts';
import { DevenvError } from '../../../../orchestrator/errors.ts';
import { launcher } from '../../../support/installation.ts';
import { failure, update } from '../../../support/json-output.ts';
import { $ } from '../../../support/shell.ts';

const image = { name: 'devenv-student:2', base: 'mmdebstrap', builtAt: '2026-01-01T00:00:00.000Z' };
const students = ['alice', 'bob'].map((name) => ({ name, environment: { outdated: name === 'alice' } }));

let stateDir: string;
let error: DevenvError | null;
let api: { close(): Promise<void> };

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'devenv-update-'));
  const backend = {
    daemon: () => ({ pid: process.pid }),
    list: () => students,
    async update(progress) {
      progress.step('base', 'Pulling the base');
      if (error !== null) throw error;
      return image;
    },
  } satisfies Partial<Record<keyof Backend, unknown>> & Pick<Backend, 'update'> as unknown as Backend;
  const log = pino({ level: 'silent' });
  api = await startApi({ socketPath: join(stateDir, 'api.sock'), backend, log });
});

afterAll(async () => {
  await api.close();
  rmSync(stateDir, { recursive: true });
});

beforeEach(() => {
  error = null;
});

const devenv = (...args: string[]) =>
  $({
    nothrow: true,
    stdio: 'pipe',
    env: { ...process.env, DEVENV_STATE_DIR: stateDir },
  })`${launcher} ${args}`;

test('it shows progress, the new image and the students who get it at their next start', async () => {
  const { exitCode, stdout, stderr } = await devenv('update');
  expect([exitCode, stderr]).toEqual([0, '… Pulling the base\n']);
  expect(stdout).toMatch(
    /^The student image is now devenv-student:2 \(base mmdebstrap\)\.\nOn an older image: alice\. /,
  );
});

test('`--json` has the documented shape', async () => {
  const { stdout, stderr } = await devenv('update', '--json');
  const result: unknown = JSON.parse(stdout);
  expect([stderr, [...Errors(update, result)], result]).toEqual(['', [], { ...image, outdated: ['alice'] }]);
});

test('a failure is an error with its code', async () => {
  error = new DevenvError({ code: 'image', what: 'The mirror does not answer.', next: 'Check the network.' });
  const { exitCode, stdout } = await devenv('update', '--json');
  const result: unknown = JSON.parse(stdout);
  expect([exitCode, [...Errors(failure, result)]]).toEqual([1, []]);
  expect(result).toMatchObject({ error: { code: 'image', what: 'The mirror does not answer.' } });
});
