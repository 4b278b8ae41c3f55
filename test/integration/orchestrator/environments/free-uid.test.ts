/** Students' uids belong to no account of the host, checked with the host's real accounts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import {
  isHostAccount,
  isSubordinateId,
  lowestFreeUid,
} from '../../../../orchestrator/environments/free-uid.ts';

/** Ids of the accounts in a file of the host. */
const idsIn = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => line.split(':')[2] ?? [])
    .map(Number);

/** An engine with environments of these uids. */
const engineWith = (...uids: number[]) =>
  ({
    listContainers: async () => uids.map((uid) => ({ Labels: { 'devenv.uid': String(uid) } })),
  }) as unknown as Docker;

test('users and groups of the host are found', async () => {
  for (const id of [...idsIn('/etc/passwd'), ...idsIn('/etc/group')].slice(0, 5))
    expect([id, await isHostAccount(id)]).toEqual([id, true]);
});

test('the uid is the lowest that neither an account, an environment nor a student has', async () => {
  const accounts = new Set([...idsIn('/etc/passwd'), ...idsIn('/etc/group')]);
  const first = await lowestFreeUid(engineWith(), 0, new Set());
  expect(accounts.has(first)).toBe(false);
  for (let id = 0; id < first; id += 1) expect([id, await isHostAccount(id)]).toEqual([id, true]);
  expect(await lowestFreeUid(engineWith(70_000, 70_002), 70_000, new Set([70_001]))).toBe(70_003);
});

test('ids that an account may use in user namespaces are not free', () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-subuid-'));
  const file = join(folder, 'subuid');
  writeFileSync(file, 'dockremap:20000:10\n\nbroken\n# 5:5:5\n');
  const isSubordinate = (id: number) => isSubordinateId(id, [join(folder, 'missing'), file]);
  expect([19_999, 20_000, 20_009, 20_010].map(isSubordinate)).toEqual([false, true, true, false]);
  rmSync(folder, { recursive: true });
});

test('without a free uid, the error says how to get one', async () => {
  const taken = new Set(Array.from({ length: 2000 }, (_, index) => 70_000 + index));
  await expect(lowestFreeUid(engineWith(), 70_000, taken)).rejects.toMatchObject({
    code: 'environment',
    next: expect.stringContaining('DEVENV_FIRST_UID'),
  });
});
