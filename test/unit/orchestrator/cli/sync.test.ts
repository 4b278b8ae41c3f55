/** How `sync` describes drift. */
import { describeDrift } from '../../../../orchestrator/cli/sync.ts';

const drift = {
  hostname: 'alice.test',
  student: 'alice',
  found: 'no record',
  action: 'add it',
  failed: null,
};

test('nothing differs', () => {
  expect(describeDrift([], false, 0)).toBe('Everything is in sync.');
});

test('repaired drift, drift of a dry run, and drift that only the instructor can repair', () => {
  expect(describeDrift([drift], false, 0)).toMatch(/alice\.test +alice +no record +add it: done$/);
  expect(describeDrift([drift], true, 0)).toMatch(/no record +add it$/);
  expect(describeDrift([{ ...drift, student: null, action: null }], false, 0)).toMatch(
    /alice\.test +- +no record +not changed: check it$/,
  );
});

test('a failed repair says why, what to do, and once for all when devenv continues', () => {
  const failed = {
    code: 'edge',
    what: "Cloudflare's rate limit is reached.",
    next: 'No action is needed.',
    until: '1970-01-01T00:00:43.000Z',
  } as const;
  const text = describeDrift(
    [
      { ...drift, failed },
      { ...drift, hostname: 'bob.test', failed },
    ],
    false,
    0,
  );
  expect(text.split('\n').slice(1)).toEqual([
    expect.stringMatching(/^alice\.test .*add it: failed\. Cloudflare's rate limit is reached\.$/),
    expect.stringMatching(/^bob\.test .*add it: failed\. Cloudflare's rate limit is reached\.$/),
    'No action is needed.',
    expect.stringMatching(/^devenv continues automatically at \d\d:\d\d:43 \(in 43 s\)\.$/),
  ]);
});
