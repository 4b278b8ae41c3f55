/** Never more calls than allowed; a student who waits learns for how long. */
import { ownRoute } from '../../../../support/own-route.ts';
import { ShiftableClock } from '../../../../support/shiftable-clock.ts';
import { countsSince, startWith, students, waitForRig, withRig } from '../../../../support/with-rig.ts';

const WAIT = /^Cloudflare's rate limit is reached: no API calls for (\d+) s\.$/;
const secondsOf = (what: string | undefined) => Number(what?.match(WAIT)?.[1] ?? Number.NaN);

test('our own budget: what does not fit waits, in words, and nothing is sent meanwhile', async () => {
  await withRig({ budget: 20 }, async ({ mock, rig }) => {
    await startWith(rig, students(30));
    for (const name of students(30)) {
      rig.setDesired(name, true);
      await waitForRig(rig, 'open, or told', () => rig.phase(name) === 'open' || rig.problem(name) !== null);
      if (rig.problem(name) !== null) break;
    }
    expect(mock.calls.length).toBeLessThanOrEqual(20);
    const late = students(30).find((name) => rig.problem(name) !== null) ?? '';
    const seconds = secondsOf(rig.problem(late)?.what);
    expect(seconds).toBeGreaterThan(280);
    expect(seconds).toBeLessThanOrEqual(300);
    expect(Date.parse(rig.problem(late)?.until ?? '') - Date.now()).toBeLessThanOrEqual(300_000);
    // Students whose link is open get no message.
    expect(rig.problem('s0')).toBeNull();
    const from = mock.calls.length;
    rig.setDesired('s0', false);
    await waitForRig(rig, 's0 to be told', () => rig.problem('s0') !== null);
    await expect(rig.reconciler.reconcile(false)).rejects.toMatchObject({
      what: expect.stringMatching(WAIT),
    });
    expect(countsSince(mock, from)).toEqual({});
    expect((await rig.edge.diagnose()).find(({ subject }) => subject === 'Calls')).toMatchObject({
      ok: false,
      found: expect.stringMatching(/^used up for \d+ s$/),
    });
    expect(mock.calls.length).toBeLessThanOrEqual(20);
  });
});

test.each([1, 2])(
  '429 with retry-after %d: nothing is sent until then, then it continues automatically',
  async (retryAfter) => {
    await withRig({}, async ({ mock, rig }) => {
      await startWith(rig, ['alice', 'bob']);
      mock.faults.next({ kind: 'config-put' }, { kind: 'rate-limited', retryAfter });
      const from = mock.calls.length;
      rig.setDesired('alice', true);
      await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
      expect(secondsOf(rig.problem('alice')?.what)).toBe(retryAfter);
      // Other students who open meanwhile get the same message.
      rig.setDesired('bob', true);
      await waitForRig(rig, 'the message', () => rig.problem('bob') !== null);
      await waitForRig(rig, 'both to be open', () =>
        ['alice', 'bob'].every((name) => rig.phase(name) === 'open'),
      );
      const refused = mock.calls.find(({ status }) => status === 429);
      const next = mock.calls
        .slice(from)
        .find(({ startedAt }) => startedAt > (refused?.endedAt ?? Number.NaN));
      expect((next?.startedAt ?? 0) - (refused?.endedAt ?? 0)).toBeGreaterThanOrEqual(retryAfter * 1000 - 5);
      expect(countsSince(mock, from)).toEqual({ 'config-get': 2, 'config-put': 2 });
    });
  },
);

test.each([
  ['3000000', 3600],
  ['1e300', 3600],
  ['0', 1],
  [null, 30],
] as const)('a proxy’s bare 429 with retry-after %s is believed for %d s', async (retryAfter, seconds) => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind: 'config-put' }, { kind: 'rate-limited', bare: true, retryAfter });
    const from = mock.calls.length;
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
    expect(secondsOf(rig.problem('alice')?.what)).toBe(seconds);
    const until = Date.parse(rig.problem('alice')?.until ?? '') - Date.now();
    expect(until).toBeLessThanOrEqual(seconds * 1000);
    expect(until).toBeGreaterThan(seconds * 1000 - 1000);
    await rig.whenIdle();
    expect(countsSince(mock, from)).toEqual({ 'config-get': 1, 'config-put': 1 });
    if (seconds === 1) await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
  });
});

test('few calls left by Cloudflare’s own count: we stop before it refuses, so that the dashboard goes on', async () => {
  await withRig(
    { mock: { rateLimit: { requests: 40, windowMs: 3000, blockMs: 3000 } } },
    async ({ mock, rig }) => {
      await startWith(rig, ['alice']);
      mock.foreign.spendRequests(26);
      rig.setDesired('alice', true);
      await waitForRig(
        rig,
        'open, or told',
        () => rig.phase('alice') === 'open' || rig.problem('alice') !== null,
      );
      rig.setDesired('alice', rig.phase('alice') !== 'open');
      await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
      expect(secondsOf(rig.problem('alice')?.what)).toBeLessThanOrEqual(3);
      await waitForRig(rig, 'the end of the window', () => rig.problem('alice') === null);
      expect(mock.calls.every(({ status }) => status === 200)).toBe(true);
    },
  );
});

test('everything is refused for five minutes: one call finds out, and everybody waits for as long', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, students(5));
    mock.foreign.spendRequests(2000);
    const from = mock.calls.length;
    for (const name of students(5)) rig.setDesired(name, true);
    await waitForRig(rig, 'all to be told', () => students(5).every((name) => rig.problem(name) !== null));
    expect(secondsOf(rig.problem('s3')?.what)).toBeGreaterThan(290);
    await rig.whenIdle();
    expect(countsSince(mock, from)).toEqual({ 'config-get': 1 });
  });
});

test.each([
  ['nobody', []],
  ['no student who can have a link', ['alice.localhost']],
])(
  'with %s there, failures one after the other are tried again once, after longer and longer pauses',
  async (_who, hostnames) => {
    const clock = new ShiftableClock();
    await withRig({ callTimeoutMs: 200, clock }, async ({ mock, rig }) => {
      for (const hostname of hostnames) rig.register(ownRoute('alice', hostname, 'http://127.0.0.1:3001'));
      await startWith(rig, []);
      await rig.whenIdle();
      mock.faults.next({}, 'refused', 1000);
      for (let round = 0; round < 5; round += 1)
        await expect(rig.reconciler.reconcile(true)).rejects.toMatchObject({
          what: expect.stringMatching(/does not let this token/),
        });
      const from = mock.calls.length;
      // Shorter than the pause after five failures, and many times what a call may take.
      clock.skip(2000);
      await rig.whenIdle();
      expect(countsSince(mock, from)).toEqual({});
      mock.faults.clear();
      // What is left of a former student is removed when it works again, without a request.
      mock.foreign.addRecord({
        name: 'zoe.example.com',
        type: 'CNAME',
        content: mock.account.tunnelHostname,
        proxied: true,
        comment: 'devenv lab/zoe',
      });
      await waitForRig(rig, 'the record to go', () => rig.records().length === 0);
    });
  },
);
