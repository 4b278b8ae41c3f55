/** Building the base image with a stand-in for `mmdebstrap`, and an engine that records what it imports. */
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { systemClock } from '../../../../orchestrator/clock.ts';
import { ensureBaseImage } from '../../../../orchestrator/environments/base-image.ts';
import { silentProgress } from '../../../support/progress.ts';
import { StandIns } from '../../../support/stand-ins.ts';
import { waitFor } from '../../../support/wait.ts';

let standIns: StandIns;
let imported: Buffer[];
let tags: string[];
let importError: string | null;

beforeEach(() => {
  standIns = new StandIns();
  imported = [];
  tags = [];
  importError = null;
});

afterEach(() => standIns.remove());

/** An engine without images but the one that was imported. */
const engine = {
  getImage: (name: string) => ({
    inspect: async () => {
      if (imported.length > 0 && name.includes(':unfinished-'))
        return { Id: 'sha256:1', Created: '2026-01-01T00:00:00.123456789Z', Config: {} };
      throw Object.assign(new Error('no such image'), { statusCode: 404 });
    },
    tag: async ({ repo, tag }: { repo: string; tag: string }) => tags.push(`${repo}:${tag}`),
    remove: async () => undefined,
  }),
  importImage: async (archive: Readable) => {
    for await (const chunk of archive) imported.push(chunk);
    return null;
  },
  modem: {
    followProgress(_answer: null, done: () => void, onReport: (report: { error?: string }) => void) {
      if (importError !== null) onReport({ error: importError });
      done();
    },
  },
} as unknown as Docker;

const ensure = (signal = new AbortController().signal) =>
  ensureBaseImage({
    docker: engine,
    clock: systemClock,
    choice: 'debian',
    progress: silentProgress,
    signal,
    mayInstall: false,
  });

test('the whole archive reaches the engine, and only then gets the name of the base', async () => {
  standIns.add('mmdebstrap', 'head -c 5000000 /dev/zero; echo "I: done" >&2');
  expect(await ensure()).toEqual({
    name: 'devenv-base:bookworm',
    id: 'sha256:1',
    origin: 'mmdebstrap',
    createdAt: Date.parse('2026-01-01T00:00:00.123Z'),
  });
  expect(Buffer.concat(imported)).toHaveLength(5_000_000);
  expect(tags).toEqual(['devenv-base:bookworm']);
  expect(standIns.calls()).toBe('mmdebstrap --variant=minbase --quiet bookworm -\n');
});

test('an archive that mmdebstrap did not finish never becomes the base, and the error says why', async () => {
  standIns.add('mmdebstrap', 'head -c 5000 /dev/zero; echo "E: mirror unreachable" >&2; exit 25');
  await expect(ensure()).rejects.toMatchObject({
    code: 'image',
    what: 'mmdebstrap could not build the base image: E: mirror unreachable',
  });
  expect(tags).toEqual([]);
});

test('an archive that the engine could not store never becomes the base, and the error says why', async () => {
  standIns.add('mmdebstrap', 'head -c 5000 /dev/zero');
  importError = 'no space left on device';
  await expect(ensure()).rejects.toMatchObject({
    code: 'environment',
    what: 'The disk is full, so devenv could not import the base image.',
  });
  expect(tags).toEqual([]);
});

test('cancelling ends mmdebstrap itself', async () => {
  standIns.add('mmdebstrap', 'echo $$ >"${0%/*}/pid"; exec sleep 600');
  const cancel = new AbortController();
  const building = expect(ensure(cancel.signal)).rejects.toThrow(
    expect.objectContaining({ name: 'AbortError' }),
  );
  const pid = await waitFor('mmdebstrap to start', () => standIns.read('bin/pid'));
  cancel.abort();
  await building;
  expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
  expect(tags).toEqual([]);
});
