/** Records live as long as the student, or with the session and a grace; both after restarts, too. */
import { ownRoute } from '../../../../support/own-route.ts';
import { ShiftableClock } from '../../../../support/shiftable-clock.ts';
import {
  countsSince,
  DNS_MODES,
  kindsSince,
  setAll,
  startWith,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

/** How long a session's record outlives its link: longer than these tests run, and shorter than a reconcile's interval. */
const GRACE_MS = 240_000;

test('student: made at `create`, unmoved by sessions, gone at `rm`; opening and closing need no DNS call', async () => {
  await withRig({ dns: 'student' }, async ({ mock, rig }) => {
    await startWith(rig, []);
    let from = mock.calls.length;
    rig.registerStudent('alice');
    await waitForRig(rig, 'the record', () => rig.records().length === 1);
    expect(rig.rules()).toEqual([]);
    await rig.whenIdle();
    from = mock.calls.length;
    for (let round = 0; round < 3; round += 1) {
      await setAll(rig, 'open', ['alice']);
      await setAll(rig, 'closed', ['alice']);
    }
    expect(countsSince(mock, from)).toEqual({ 'config-get': 6, 'config-put': 6 });
    await rig.unregister('alice');
    expect(rig.records()).toEqual([]);
  });
});

test('student: a student created during an outage of Cloudflare gets the record automatically after it', async () => {
  await withRig({ dns: 'student' }, async ({ mock, rig }) => {
    await startWith(rig, []);
    mock.faults.next({}, 'reset-before', 3);
    rig.registerStudent('alice');
    await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
    await waitForRig(rig, 'the record', () => rig.records().length === 1);
    await waitForRig(rig, 'no words', () => rig.problem('alice') === null);
  });
});

test('session: made when the link opens, gone after the grace; a return within needs no DNS call, one after it does', async () => {
  const clock = new ShiftableClock();
  await withRig({ dns: 'session', graceMs: GRACE_MS, clock }, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    expect(rig.records()).toEqual([]);
    await setAll(rig, 'open', ['alice', 'bob']);
    await setAll(rig, 'closed', ['alice', 'bob']);
    let from = mock.calls.length;
    clock.skip(GRACE_MS / 2);
    await setAll(rig, 'open', ['bob']);
    expect(kindsSince(mock, from)).toEqual(['config-get', 'config-put']);
    expect(rig.records()).toHaveLength(2);
    clock.skip(GRACE_MS / 2);
    await waitForRig(rig, 'alice’s record to go', () => rig.records().length === 1);
    expect(rig.records()[0]).toMatch(/^bob/);
    from = mock.calls.length;
    await setAll(rig, 'open', ['alice']);
    expect(kindsSince(mock, from)).toEqual(['dns-batch', 'config-get', 'config-put']);
  });
});

test('session: a student who is removed within the grace period leaves no record', async () => {
  await withRig({ dns: 'session' }, async ({ rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    await setAll(rig, 'closed', ['alice']);
    expect(rig.records()).toHaveLength(1);
    await rig.unregister('alice');
    expect(rig.records()).toEqual([]);
  });
});

test('session: a restart within the grace period restarts it, and the record is still removed', async () => {
  const clock = new ShiftableClock();
  await withRig({ dns: 'session', graceMs: GRACE_MS, clock }, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    await setAll(rig, 'closed', ['alice']);
    await rig.stop();
    const second = another({ disk: rig.disk });
    await startWith(second, ['alice']);
    expect(second.records()).toHaveLength(1);
    const from = mock.calls.length;
    await setAll(second, 'open', ['alice']);
    expect(kindsSince(mock, from)).toEqual(['config-get', 'config-put']);
    await setAll(second, 'closed', ['alice']);
    clock.skip(GRACE_MS);
    await waitForRig(second, 'the record to go', () => second.records().length === 0);
  });
});

test.each(['refused', 'server-error'] as const)(
  'session: a record that can’t be removed (%s) is not asked for without end',
  async (fault) => {
    const clock = new ShiftableClock();
    await withRig({ dns: 'session', graceMs: GRACE_MS, clock }, async ({ mock, rig }) => {
      await startWith(rig, ['alice']);
      await setAll(rig, 'open', ['alice']);
      mock.faults.next({ kind: 'dns-batch' }, fault, 1000);
      const from = mock.calls.length;
      await setAll(rig, 'closed', ['alice']);
      clock.skip(GRACE_MS);
      await waitForRig(rig, 'the removal to be tried', () => (countsSince(mock, from)['dns-batch'] ?? 0) > 0);
      const startedMs = clock.monotonicMs();
      clock.skip(1000);
      await rig.whenIdle();
      const seconds = (clock.monotonicMs() - startedMs) / 1000;
      expect(countsSince(mock, from)['dns-batch']).toBeLessThanOrEqual(3 + seconds);
      expect(rig.view('alice')).toEqual({ phase: 'closed', problem: null });
      mock.faults.clear();
      await rig.reconciler.reconcile(true);
      expect(rig.records()).toEqual([]);
    });
  },
);

test.each(DNS_MODES)('from one mode to %s: the next start makes it so', async (dns) => {
  const before = dns === 'student' ? 'session' : 'student';
  await withRig({ dns: before, graceMs: 100 }, async ({ rig, another }) => {
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice']);
    await rig.stop();
    const second = another({ disk: rig.disk, dns });
    second.register({
      ...ownRoute('alice'),
      hostname: 'alice.example.com',
      origin: 'http://127.0.0.1:3001',
    });
    second.setDesired('alice', true);
    second.registerStudent('bob', 3002);
    await second.start();
    await waitForRig(second, 'alice to be open', () => second.phase('alice') === 'open');
    await waitForRig(second, 'the records', () => second.records().length === (dns === 'student' ? 2 : 1));
  });
});
