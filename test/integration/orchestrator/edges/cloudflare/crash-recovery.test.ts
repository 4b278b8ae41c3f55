/** Killed after any call, the next start ends with no orphan and no loss, and waits out what the dead one had on its way. */

import { simulatedLock } from '../../../../support/cloudflare-rig.ts';
import { limitConcurrency } from '../../../../support/limit-concurrency.ts';
import {
  DNS_MODES,
  type DnsMode,
  type RigBench,
  setAll,
  startWith,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

const CALL_TIMEOUT = 400;

interface Change {
  name: string;
  act(bench: RigBench): void;
  /** What the next process starts with: whether alice is registered, and her link desired. */
  held: boolean;
  wanted: boolean;
  /** Alice is open before. */
  wasOpen: boolean;
}

const changes: Change[] = [
  {
    name: 'create',
    act: ({ rig }) => rig.registerStudent('alice'),
    held: true,
    wanted: false,
    wasOpen: false,
  },
  {
    name: 'create and open',
    act({ rig }) {
      rig.registerStudent('alice');
      rig.setDesired('alice', true);
    },
    held: true,
    wanted: true,
    wasOpen: false,
  },
  {
    name: 'close',
    act: ({ rig }) => rig.setDesired('alice', false),
    held: true,
    wanted: false,
    wasOpen: true,
  },
  {
    name: 'rm',
    act: ({ rig }) => void rig.unregister('alice'),
    held: false,
    wanted: false,
    wasOpen: true,
  },
  // Begun by a student whose creation is undone when the daemon is back.
  {
    name: 'create, never finished',
    act: ({ rig }) => rig.registerStudent('alice'),
    held: false,
    wanted: false,
    wasOpen: false,
  },
];

type Moment = 'before' | 'applied' | 'answered';

/** Kills at the given moment of the given call of the change; resolves to false where there is no such call. */
async function killAt(change: Change, dns: DnsMode, at: { call: number; moment: Moment }): Promise<boolean> {
  let wasStruck = false;
  const lock = simulatedLock();
  await withRig({ dns, graceMs: 0, callTimeoutMs: CALL_TIMEOUT, lock }, async (bench) => {
    const { mock, rig, another } = bench;
    await startWith(rig, change.wasOpen ? ['alice', 'bob'] : ['bob']);
    await setAll(rig, 'open', change.wasOpen ? ['alice', 'bob'] : ['bob']);
    await rig.whenIdle();
    const from = mock.calls.length;
    const published = rig.runsEnded;
    mock.onCall = (call, moment) => {
      if (call.number !== from + at.call || moment !== at.moment) return;
      wasStruck = true;
      rig.kill();
      lock.free();
    };
    change.act(bench);
    await waitForRig(rig, 'the kill, or the end', () => wasStruck || rig.runsEnded > published);
    mock.onCall = null;
    if (!wasStruck) return;
    const killedAt = performance.timeOrigin + performance.now();
    const wasUnderWay = rig.disk.journalEntries().length > 0;
    const second = another({ disk: rig.disk });
    second.registerStudent('bob', 3002);
    second.setDesired('bob', true);
    if (change.held) second.registerStudent('alice', 3001);
    if (change.wanted) second.setDesired('alice', true);
    await second.start();
    await waitForRig(second, 'the first run', () => second.runsEnded > 0 && second.phase('bob') === 'open');
    // Until then, a call of the killed process could still arrive.
    const look = mock.calls.find(({ kind, startedAt }) => kind === 'dns-list' && startedAt > killedAt);
    if (wasUnderWay) expect((look?.startedAt ?? 0) - killedAt).toBeGreaterThan(CALL_TIMEOUT - 10);
    await waitForRig(
      second,
      'rest',
      () => second.problem('alice') === null && second.disk.journalEntries().length === 0,
    );
    await second.whenIdle();
    const needsRecord = change.held && (dns === 'student' || change.wanted);
    const where = `${change.name} (${dns}), killed ${at.moment} call ${at.call}`;
    expect([where, second.records().map((line) => line.split(' ')[0])]).toEqual([
      where,
      [...(needsRecord ? ['alice.example.com'] : []), 'bob.example.com'],
    ]);
    expect([
      where,
      second
        .rules()
        .map((line) => line.split(' ')[0])
        .toSorted(),
    ]).toEqual([where, ['*', ...(change.wanted ? ['alice.example.com'] : []), 'bob.example.com']]);
    expect(second.problem('alice')).toBeNull();
    expect(second.disk.journalEntries()).toEqual([]);
    expect(second.log.text()).not.toMatch(/another writer wrote/);
  });
  return wasStruck;
}

test.each(DNS_MODES)('killed at any moment of any call, with dns: %s', async (dns) => {
  const moments: Moment[] = ['before', 'applied', 'answered'];
  const kills = changes.flatMap((change) =>
    [1, 2, 3, 4, 5].flatMap((call) => moments.map((moment) => ({ change, call, moment }))),
  );
  const inTurn = limitConcurrency(12);
  const struck = await Promise.all(kills.map(({ change, ...at }) => inTurn(() => killAt(change, dns, at))));
  // A guard: the moments must have been met, not missed.
  expect(struck.filter(Boolean).length).toBeGreaterThan(25);
});

test('a dead one’s write that is still on its way is waited out, not raced', async () => {
  const lock = simulatedLock();
  await withRig({ callTimeoutMs: CALL_TIMEOUT, lock }, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind: 'config-put' }, { kind: 'slow', ms: CALL_TIMEOUT / 2 });
    const from = mock.calls.length;
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the PUT to be on its way', () =>
      mock.calls.slice(from).some(({ kind }) => kind === 'config-put'),
    );
    rig.kill();
    lock.free();
    const second = another({ disk: rig.disk });
    second.registerStudent('alice');
    await second.start();
    // Its student has left meanwhile: the late rule must be removed.
    await waitForRig(second, 'the first run', () => second.runsEnded > 0);
    expect(mock.overlaps).toEqual([]);
    expect(mock.calls.filter(({ kind }) => kind === 'config-put')).toHaveLength(2);
    expect(second.rules()).toEqual(['* → http_status:404']);
  });
});
