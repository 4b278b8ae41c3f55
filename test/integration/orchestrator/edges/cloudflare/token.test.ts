/** Whatever goes wrong, the token is in no log, error, outcome or fact on disk. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { readToken } from '../../../../../orchestrator/edges/cloudflare/index.ts';
import { ALL_FAULTS } from '../../../../cloudflare/index.ts';
import { startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

test('every fault at every call, and a wrong token: nothing that is written or thrown holds it', async () => {
  let errors = 0;
  await Promise.all(
    ALL_FAULTS.map((fault) =>
      withRig({ dns: 'session', callTimeoutMs: 300 }, async ({ mock, rig, another }) => {
        await startWith(rig, ['alice']);
        const thrown: unknown[] = [];
        for (const kind of ['dns-list', 'config-get', 'dns-batch', 'config-put', 'connections'] as const) {
          mock.faults.next({ kind }, fault);
          rig.setDesired('alice', kind !== 'config-put');
          await rig.reconciler.reconcile(kind === 'dns-batch').catch((error: unknown) => {
            thrown.push(error);
            errors += 1;
          });
          thrown.push(await rig.edge.diagnose());
        }
        mock.faults.next({ kind: 'zone' }, fault);
        const second = another({ disk: rig.disk });
        await second.start().catch((error: unknown) => thrown.push(error));
        const everything = inspect([thrown, rig.problems], { depth: 20, showHidden: true, getters: true });
        for (const text of [everything, rig.disk.text(), rig.log.text(), second.log.text()])
          expect(text).not.toContain(mock.token);
      }),
    ),
  );
  // A fault may affect a call of another test, but not each of them.
  expect(errors).toBeGreaterThan(ALL_FAULTS.length / 2);
});

test('a token that is refused, or that a header can’t contain, is not repeated in the error', async () => {
  const wrong = 'wrong-secret-token-0123456789';
  await withRig({ token: wrong }, async ({ rig }) => {
    const error = await rig.start().catch((thrown: unknown) => thrown);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(wrong);
    rig.registerStudent('alice');
    rig.reconciler.start();
    await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
    expect(JSON.stringify(rig.problem('alice')) + rig.log.text()).not.toContain(wrong);
  });
  expect(() => readToken({ CLOUDFLARE_API_TOKEN: 'two words' }, undefined)).toThrow(
    /CLOUDFLARE_API_TOKEN holds no token/,
  );
  expect(() => readToken({}, undefined)).toThrow(/needs an API token/);
});

test('the token’s file: read where it is private, refused where others can read it, is missing or empty', () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-token-'));
  const file = join(folder, 'token');
  try {
    writeFileSync(file, 'secret-1\n', { mode: 0o600 });
    expect(readToken({}, file)).toBe('secret-1');
    expect(readToken({ CLOUDFLARE_API_TOKEN: ' secret-2 ' }, file)).toBe('secret-2');
    writeFileSync(join(folder, 'open'), 'secret-3', { mode: 0o644 });
    expect(() => readToken({}, join(folder, 'open'))).toThrow(/can be read by others/);
    expect(() => readToken({}, join(folder, 'none'))).toThrow(/ENOENT/);
    writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });
    expect(() => readToken({}, join(folder, 'empty'))).toThrow(/holds no token/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
