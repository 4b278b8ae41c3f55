/** What `devenv doctor` says of the student image. */
import type Docker from 'dockerode';
import { diagnoseImage } from '../../../../orchestrator/environments/image-diagnostics.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const DAY_MS = 24 * 60 * 60_000;
const clock = new ManualClock();
const CURRENT = 'devenv-student:1';
const OLDER = 'devenv-student:0';

/** The check, of an image whose base is `ageMs` old; null: not built yet. `outdatedMs`: age of alice's older image. */
async function diagnose(ageMs: number | null, outdatedMs: number | null = null) {
  const ages: Record<string, number | null> = { [CURRENT]: ageMs, [OLDER]: outdatedMs };
  const docker = {
    // Built again today: the age is that of the base.
    listImages: async ({ filters: { reference } }: { filters: { reference: string[] } }) =>
      reference
        .map((name) => ages[name] ?? null)
        .filter((age) => age !== null)
        .map((age) => ({
          Created: clock.now() / 1000,
          Labels: { 'devenv.base': 'debian@sha256:1', 'devenv.base.made': made(age) },
        })),
  } as unknown as Docker;
  const environments = [
    { student: 'alice', image: outdatedMs === null ? CURRENT : OLDER },
    { student: 'bob', image: CURRENT },
    { student: 'removed', image: null },
  ].map((each) => ({ ...each, state: 'running' as const, home: true }));
  return diagnoseImage({ docker, clock, currentImage: async () => CURRENT }, environments);
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

test('environments with an older image are named, and fail once it is older than 30 days', async () => {
  const found = 'devenv-student:1, built today, base debian@sha256:1. On an older image: alice';
  expect(await diagnose(0, 30 * DAY_MS)).toEqual({ ok: true, found, next: null });
  expect(await diagnose(0, 31 * DAY_MS)).toEqual({
    ok: false,
    found: `${found} (31 days old)`,
    next: expect.stringContaining('devenv restart'),
  });
});
