/** One lock, one run for all changes of a moment, and no call where nothing differs. */

import { systemClock } from '../../../../../orchestrator/clock.ts';
import { createTunnelLock } from '../../../../../orchestrator/edges/cloudflare/apply/tunnel-lock.ts';
import { MockCloudflare } from '../../../../cloudflare/index.ts';
import { CloudflareRig } from '../../../../support/cloudflare-rig.ts';
import { ShiftableClock } from '../../../../support/shiftable-clock.ts';
import {
  countsSince,
  DNS_MODES,
  setAll,
  startWith,
  students,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

const cases = DNS_MODES.flatMap((dns) => [1, 30, 200].map((count) => ({ dns, count })));

test.each(cases)(
  '$count at once, with dns: $dns, take the fewest calls, and give them back',
  async ({ dns, count }) => {
    await withRig({ dns, mock: { plan: 'paid' } }, async ({ mock, rig }) => {
      const names = students(count);
      await startWith(rig, names);
      const batches = Math.ceil(count / 200);
      // The first read: all records, 100 to a page or more, and the configuration, read again right before a write.
      expect(countsSince(mock, 0)).toEqual({
        zone: 1,
        tunnel: 1,
        'dns-list': 1,
        'config-get': 2,
        ...(dns === 'student' && { 'dns-batch': batches }),
      });
      let from = mock.calls.length;
      await setAll(rig, 'open', names);
      expect(countsSince(mock, from)).toEqual({
        'config-get': 1,
        'config-put': 1,
        ...(dns === 'session' && { 'dns-batch': batches }),
      });
      expect(rig.rules()).toHaveLength(count + 1);
      from = mock.calls.length;
      await setAll(rig, 'closed', names);
      expect(countsSince(mock, from)).toEqual({ 'config-get': 1, 'config-put': 1 });
      expect(rig.rules()).toEqual(['* → http_status:404']);
      from = mock.calls.length;
      await Promise.all(names.map((name) => rig.unregister(name)));
      // Everything is removed in one batch, after reading whether tags and rules are unchanged.
      expect(countsSince(mock, from)).toEqual({ 'dns-list': 1, 'config-get': 1, 'dns-batch': batches });
      expect(rig.records()).toEqual([]);
      expect(mock.overlaps).toEqual([]);
    });
  },
);

test('more than one batch holds: 450 records are three, and still one GET and one PUT', async () => {
  await withRig({ dns: 'session', mock: { plan: 'paid' } }, async ({ mock, rig }) => {
    const names = students(450);
    await startWith(rig, names);
    const from = mock.calls.length;
    await setAll(rig, 'open', names);
    expect(countsSince(mock, from)).toEqual({ 'dns-batch': 3, 'config-get': 1, 'config-put': 1 });
  });
});

test.each(DNS_MODES)(
  'with dns: %s, links that open one after the other are batched, however fast Cloudflare is',
  async (dns) => {
    const clock = new ShiftableClock();
    await withRig({ dns, clock }, async ({ mock, rig }) => {
      const names = students(5);
      await startWith(rig, names);
      const from = mock.calls.length;
      // The batch window closes 15 ms after a change, and 50 ms after the first.
      clock.pause();
      for (const name of names) {
        rig.setDesired(name, true);
        await new Promise((resolve) => setImmediate(resolve));
        clock.skip(6);
      }
      clock.resume();
      await waitForRig(rig, 'all to be open', () => names.every((name) => rig.phase(name) === 'open'));
      expect(countsSince(mock, from)).toEqual({
        'config-get': 1,
        'config-put': 1,
        ...(dns === 'session' && { 'dns-batch': 1 }),
      });
    });
  },
);

test('a link that opens before the snapshot is in the same run, one that opens during the write in the next', async () => {
  await withRig({ mock: { latency: { ms: 40 } } }, async ({ mock, rig }) => {
    const names = students(3);
    await startWith(rig, names);
    const from = mock.calls.length;
    mock.onCall = (call, phase) => {
      if (phase !== 'before') return;
      if (call.kind === 'config-get') rig.setDesired('s1', true);
      if (call.kind === 'config-put') rig.setDesired('s2', true);
    };
    await setAll(rig, 'open', ['s0', 's1']);
    await waitForRig(rig, 's2 to be open', () => rig.phase('s2') === 'open');
    expect(countsSince(mock, from)).toEqual({ 'config-get': 2, 'config-put': 2 });
    const [first] = mock.calls.slice(from).filter(({ kind }) => kind === 'config-put');
    expect(JSON.stringify(first?.body)).toMatch(/s0\.example.*s1\.example/);
  });
});

test('nothing differs: no call at all, however often the same state is desired', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    const from = mock.calls.length;
    for (let round = 0; round < 5; round += 1) {
      rig.setDesired('alice', false);
      rig.setDesired('alice', true);
    }
    await rig.whenIdle();
    rig.retryNow('alice', false);
    await rig.whenIdle();
    expect(countsSince(mock, from)).toEqual({});
  });
});

test('two installations on one tunnel, at the same moment, lose nothing of each other', async () => {
  const mock = await MockCloudflare.start({ latency: { ms: 20, jitterMs: 10 }, plan: 'paid' });
  const lockOf = (instance: string) =>
    createTunnelLock({ tunnelId: mock.tunnelId, instance, timeoutMs: 30_000, clock: systemClock });
  const rigs = ['lab', 'annex'].map(
    (instance) => new CloudflareRig(mock, { instance, lock: lockOf(instance), dns: 'session' }),
  );
  try {
    const names = rigs.map((_, index) => students(10).map((name) => `${name}-${index}`));
    await Promise.all(rigs.map((rig, index) => startWith(rig, names[index] ?? [])));
    // One after the other in each, so that the two keep competing for the lock.
    await Promise.all(
      rigs.map(async (rig, index) => {
        for (const name of names[index] ?? []) await setAll(rig, 'open', [name]);
      }),
    );
    expect(mock.overlaps).toEqual([]);
    expect(rigs[0]?.rules()).toHaveLength(21);
    expect(mock.account.records).toHaveLength(20);
    expect(rigs.map((rig) => rig.log.text()).join('')).not.toMatch(/another writer wrote/);
    await Promise.all(rigs.map((rig, index) => setAll(rig, 'closed', names[index] ?? [])));
    expect(rigs[0]?.rules()).toHaveLength(1);
  } finally {
    await Promise.all(rigs.map((rig) => rig.stop()));
    await mock.stop();
  }
});
