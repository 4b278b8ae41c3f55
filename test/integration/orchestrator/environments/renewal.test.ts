/** Environments on an older image in the real engine: listed, and renewed at their next start with their home. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { pino } from 'pino';
import { systemClock } from '../../../../orchestrator/clock.ts';
import { createEnvironments } from '../../../../orchestrator/environments/index.ts';
import type { Environments } from '../../../../orchestrator/environments/types.ts';
import { HOME_PATH } from '../../../../orchestrator/protocol/constants.ts';
import { loadSettings } from '../../../../orchestrator/settings.ts';
import { freePort } from '../../../support/free-port.ts';
import { removeInstance } from '../../../support/instance-leftovers.ts';
import { silentProgress } from '../../../support/progress.ts';
import { studentImage } from '../../../support/student-image.ts';
import { currentRun } from '../../../support/test-run.ts';

const docker = new Docker();
const instance = `test-${currentRun}-renewal`;
const repository = `devenv-test-renewed-${currentRun}`;
const newImage = `${repository}:1`;

let stateDir: string;
let oldImage: string;
let environments: Environments;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), `devenv-${instance}-`));
  oldImage = await studentImage();
  await docker.getImage(oldImage).tag({ repo: repository, tag: '1' });
  let current = oldImage;
  environments = createEnvironments({
    settings: loadSettings({
      env: { DEVENV_STATE_DIR: stateDir, DEVENV_INSTANCE: instance },
      hostname: 'test',
      uid: 0,
      home: '/root',
    }),
    log: pino({ level: 'silent' }),
    clock: systemClock,
    images: {
      find: async () => current,
      ensure: async () => current,
      update: async () => {
        current = newImage;
        return { name: current, base: 'mmdebstrap', builtAt: new Date().toISOString() };
      },
    },
  });
});

afterAll(async () => {
  await removeInstance(instance);
  await docker
    .getImage(newImage)
    .remove()
    .catch(() => undefined);
  rmSync(stateDir, { recursive: true });
});

test('an environment keeps its image while it runs, and gets the new one at its next start', async () => {
  const { signal } = new AbortController();
  const spec = {
    student: 'alice',
    port: await freePort(),
    hostname: 'alice.localhost',
    url: 'http://alice.localhost',
    socketId: 'a',
    uid: 20_000,
    relayKeyHash: '',
  };
  mkdirSync(environments.socketDir('a'), { recursive: true });
  await environments.prepare(silentProgress, signal);
  await environments.create(spec, silentProgress, signal);
  const container = docker.getContainer(`devenv-${instance}-alice`);
  const { Id: id, Mounts: mounts } = await container.inspect();
  const homeOf = (all: typeof mounts) => all.find(({ Destination }) => Destination === HOME_PATH)?.Name;

  await environments.update(silentProgress, signal);
  await environments.start(spec, silentProgress, signal, { newHome: false });
  expect(environments.currentImage).toBe(newImage);
  expect(await environments.list()).toEqual([
    { student: 'alice', state: 'running', home: true, image: oldImage },
  ]);
  expect((await container.inspect()).Id).toBe(id);

  await environments.stop('alice');
  await environments.start(spec, silentProgress, signal, { newHome: false });
  expect(await environments.list()).toEqual([
    { student: 'alice', state: 'running', home: true, image: newImage },
  ]);
  const renewed = await container.inspect();
  expect(renewed.Id).not.toBe(id);
  expect(homeOf(renewed.Mounts)).toBe(homeOf(mounts));
});
