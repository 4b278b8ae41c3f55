/** `devenv update` in the real engine, with a registry of the test's own and an image of one file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { systemClock } from '../../../../orchestrator/clock.ts';
import type { ContextEntry } from '../../../../orchestrator/environments/image-context.ts';
import { readStudentImage, StudentImages } from '../../../../orchestrator/environments/student-image.ts';
import { loadSettings } from '../../../../orchestrator/settings.ts';
import { ImageRegistry } from '../../../support/image-registry.ts';
import { silentProgress } from '../../../support/progress.ts';
import { currentRun } from '../../../support/test-run.ts';

const docker = new Docker();
const bases = `devenv-test-base-${currentRun}`;
const students = `devenv-test-student-${currentRun}`;
const dockerfile = (text: string): ContextEntry[] => [
  { name: 'Dockerfile', mode: 0o644, content: Buffer.from(text) },
];
const GOOD = dockerfile('ARG BASE\nFROM ${BASE}\nCOPY Dockerfile /student\n');

let stateDir: string;
let registry: ImageRegistry;
let context: ContextEntry[];
let images: StudentImages;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), 'devenv-update-'));
  registry = await ImageRegistry.start();
  context = GOOD;
  images = new StudentImages({
    docker,
    clock: systemClock,
    settings: loadSettings({
      env: { DEVENV_STATE_DIR: stateDir, DEVENV_BASE: 'pull' },
      hostname: 'test',
      uid: 0,
      home: '/root',
    }),
    source: {
      repository: students,
      base: { pulled: registry.image, repository: bases },
      readContext: async () => context,
    },
  });
});

afterAll(async () => {
  for (const tag of [...(await tagsOf(students)), ...(await tagsOf(bases)), registry.image])
    await docker
      .getImage(tag)
      .remove({ force: true })
      .catch(() => undefined);
  await registry.stop();
  rmSync(stateDir, { recursive: true });
});

async function tagsOf(repository: string): Promise<string[]> {
  const found = await docker.listImages({ filters: { reference: [repository] } });
  return found.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.startsWith(`${repository}:`));
}

const ensure = () => images.ensure(silentProgress, new AbortController().signal);
const update = () => images.update(silentProgress, new AbortController().signal);
const pullElsewhere = async () => {
  const stream = await docker.pull(registry.image);
  await new Promise((resolve) => docker.modem.followProgress(stream, resolve));
};

test('an image keeps the digest that was pulled until `update`, which gives another image', async () => {
  const first = await registry.publish('1');
  const image = await ensure();
  const repository = registry.image.replace(':bookworm-slim', '');
  expect(await readStudentImage(docker, image)).toMatchObject({ base: `${repository}@${first}` });

  // The tag moves, at the registry and, by another client of the engine, in the engine.
  const second = await registry.publish('2');
  await pullElsewhere();
  const { requests } = registry;
  expect([await ensure(), await images.find(), registry.requests]).toEqual([image, image, requests]);

  const updated = await update();
  expect(updated).toEqual({
    name: expect.stringMatching(`^${students}:`),
    base: `${repository}@${second}`,
    builtAt: expect.any(String),
  });
  expect(updated.name).not.toBe(image);
  expect([await ensure(), await images.find()]).toEqual([updated.name, updated.name]);
  expect(await readStudentImage(docker, updated.name)).toEqual(updated);
  // Environments with the old image continue to run.
  expect(await tagsOf(students)).toContain(image);
});

test('an update without a newer base installs the packages again', async () => {
  const before = await readStudentImage(docker, await ensure());
  const updated = await update();
  expect(updated.name).not.toBe(before?.name);
  expect(updated.base).toBe(before?.base);
  expect(Date.parse(updated.builtAt)).toBeGreaterThan(Date.parse(before?.builtAt ?? ''));
});

test('an update that fails leaves the old base and image in use, and no temporary name', async () => {
  const image = await ensure();
  const before = await tagsOf(bases);
  context = dockerfile('ARG BASE\nFROM ${BASE}\nCOPY missing /missing\n');
  await expect(update()).rejects.toMatchObject({ code: 'image' });
  context = GOOD;
  registry.unpublish();
  await expect(update()).rejects.toMatchObject({ code: 'image', what: expect.stringMatching(/pulled/) });
  expect([await ensure(), await tagsOf(bases)]).toEqual([image, before]);
});

test('`docker image prune -a`, which removes the base, does not make the next start build an image', async () => {
  const image = await ensure();
  for (const tag of await tagsOf(bases)) await docker.getImage(tag).remove();
  expect(await ensure()).toBe(image);
});
