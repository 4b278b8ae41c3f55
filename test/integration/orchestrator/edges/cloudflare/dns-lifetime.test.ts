/** Records live as long as the student, or with the session and a grace; both after restarts, too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ownRoute } from '../../../../support/own-route.ts';
import {
  countsSince,
  DNS_MODES,
  kindsSince,
  lastCall,
  setAll,
  startWith,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

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
  await withRig({ dns: 'session', graceMs: 3000 }, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    expect(rig.records()).toEqual([]);
    await setAll(rig, 'open', ['alice', 'bob']);
    await setAll(rig, 'closed', ['alice', 'bob']);
    const closed = lastCall(mock, 'config-put');
    let from = mock.calls.length;
    await sleep(300);
    await setAll(rig, 'open', ['bob']);
    expect(kindsSince(mock, from)).toEqual(['config-get', 'config-put']);
    await waitForRig(rig, 'alice’s record to go', () => rig.records().length === 1);
    expect(lastCall(mock, 'dns-batch').startedAt - (closed.endedAt ?? 0)).toBeGreaterThan(2950);
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
  await withRig({ dns: 'session', graceMs: 2000 }, async ({ mock, rig, another }) => {
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
    await waitForRig(second, 'the record to go', () => second.records().length === 0);
  });
});

test.each(['refused', 'server-error'] as const)(
  'session: a record that can’t be removed (%s) is not asked for without end',
  async (fault) => {
    await withRig({ dns: 'session', graceMs: 100 }, async ({ mock, rig }) => {
      await startWith(rig, ['alice']);
      await setAll(rig, 'open', ['alice']);
      mock.faults.next({ kind: 'dns-batch' }, fault, 1000);
      const from = mock.calls.length;
      await setAll(rig, 'closed', ['alice']);
      await sleep(1000);
      expect(countsSince(mock, from)['dns-batch']).toBeLessThanOrEqual(3);
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
