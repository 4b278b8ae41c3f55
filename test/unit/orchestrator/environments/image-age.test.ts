/** What `devenv doctor` says of the student image. */
import type Docker from 'dockerode';
import { diagnoseImage } from '../../../../orchestrator/environments/image-diagnostics.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const DAY_MS = 24 * 60 * 60_000;
const clock = new ManualClock();

/** The check, of an image whose base is `ageMs` old and that was built again today; null: not built yet. */
async function diagnose(ageMs: number | null) {
  const image = {
    Created: clock.now() / 1000,
    Labels: { 'devenv.base': 'debian@sha256:1', 'devenv.base.made': made(ageMs ?? 0) },
  };
  const docker = { listImages: async () => (ageMs === null ? [] : [image]) } as unknown as Docker;
  return diagnoseImage({ docker, clock, currentImage: async () => 'devenv-student:1' });
}

const made = (ageMs: number) => new Date(clock.now() - ageMs).toISOString();

test.each([
  [0, 'built today'],
  [1.5 * DAY_MS, '1 day old'],
  [30.9 * DAY_MS, '30 days old'],
])('an image whose packages are from %d ms ago is %s', async (ageMs, text) => {
  const found = `devenv-student:1, ${text}, base debian@sha256:1`;
  expect(await diagnose(ageMs)).toEqual({ ok: true, found, next: null });
});

test('an image that is older than 30 days fails, with the command to run', async () => {
  expect(await diagnose(31 * DAY_MS)).toMatchObject({
    ok: false,
    found: expect.stringContaining('31 days old'),
    next: expect.stringContaining('devenv update'),
  });
});

test('an image that is not built yet is no failure', async () => {
  expect(await diagnose(null)).toMatchObject({ ok: true, found: expect.stringContaining('not built yet') });
});
