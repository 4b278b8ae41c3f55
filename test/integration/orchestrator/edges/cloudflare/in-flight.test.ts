/** Calls that take effect late: after they were given up, or after the process that sent them was killed. */
import type { CallKind } from '../../../../cloudflare/index.ts';
import { MemoryDisk, simulatedLock } from '../../../../support/cloudflare-rig.ts';
import { waitFor } from '../../../../support/wait.ts';
import { type RigBench, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

/** A call is given up after that long, in ms; one that is late takes effect after this and before twice of it. */
const CALL_TIMEOUT = 1000;
const LATE = { kind: 'slow', ms: CALL_TIMEOUT * 1.5 } as const;

const lostUpdates = ({ rig }: Pick<RigBench, 'rig'>) =>
  rig.log.lines().filter(({ msg }) => msg.startsWith('another writer wrote'));

test.concurrent.each<[CallKind, 'student' | 'session']>([
  ['dns-batch', 'session'],
  ['config-put', 'session'],
  ['config-put', 'student'],
])('a %s that was given up is over before anything else is written, with `dns: %s`', (kind, dns) =>
  withRig({ callTimeoutMs: CALL_TIMEOUT, dns }, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    mock.faults.next({ kind }, LATE);
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the late call', () => mock.calls.some(({ fault }) => fault === 'slow'));
    rig.setDesired('bob', true);
    await setAll(rig, 'open', ['alice', 'bob']);
    expect(mock.overlaps).toEqual([]);
    expect(rig.rules()).toHaveLength(3);
  }),
);

test.concurrent.each<[CallKind, 'server-error' | 'reset-after']>([
  ['config-put', 'server-error'],
  ['config-put', 'reset-after'],
  ['dns-batch', 'reset-after'],
])('a %s (%s) that is over, or seen to be done, is not waited for', (kind, fault) =>
  withRig({ callTimeoutMs: 20_000, dns: 'session' }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind }, fault);
    const started = performance.now();
    await setAll(rig, 'open', ['alice']);
    expect(performance.now() - started).toBeLessThan(10_000);
  }),
);

test.concurrent('what a late write has overwritten is told', () =>
  withRig({ callTimeoutMs: CALL_TIMEOUT }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind: 'config-put' }, LATE);
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the read back', () => {
      const late = mock.calls.find(({ fault }) => fault === 'slow');
      return mock.calls.some(({ kind, number, endedAt }) => {
        return late && number > late.number && kind === 'config-get' && endedAt !== null;
      });
    });
    mock.foreign.putConfig((config) => ({ ...config, originRequest: { connectTimeout: 7 } }));
    await setAll(rig, 'open', ['alice']);
    expect(lostUpdates({ rig })).toHaveLength(1);
  }));

test.concurrent('a late write is not mistaken for applied because of another writer’s write of the same version', () =>
  withRig({ callTimeoutMs: CALL_TIMEOUT }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    // Behind ours, where no visitor reaches it: all that we have to write is that it goes.
    mock.foreign.putConfig(({ ingress, ...config }) => ({
      ...config,
      ingress: [
        ...ingress.slice(0, -1),
        { hostname: rig.hostname('alice'), service: 'http://10.0.0.9:80' },
        ...ingress.slice(-1),
      ],
    }));
    mock.faults.next({ kind: 'config-put' }, LATE);
    mock.onCall = (call, phase) => {
      if (call.kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      mock.foreign.putConfig((config) => ({ ...config, originRequest: { connectTimeout: 7 } }));
    };
    await rig.reconciler.reconcile(true);
    await waitForRig(rig, 'the late call', () =>
      mock.calls.some(({ fault, applied }) => fault === 'slow' && applied),
    );
    await waitForRig(rig, 'the loss to be told', () => lostUpdates({ rig }).length > 0);
    expect(mock.overlaps).toEqual([]);
  }));

test.concurrent('a late write that only closes is not mistaken for applied because another writer removes the rule', () =>
  withRig({ callTimeoutMs: CALL_TIMEOUT }, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice']);
    mock.faults.next({ kind: 'config-put' }, LATE);
    mock.onCall = (call, phase) => {
      if (call.kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      mock.foreign.putConfig(({ ingress, ...config }) => ({ ...config, ingress: ingress.slice(1) }));
      rig.setDesired('bob', true);
    };
    rig.setDesired('alice', false);
    await waitForRig(rig, 'bob to be open', () => rig.phase('bob') === 'open');
    expect(mock.calls.find(({ fault }) => fault === 'slow')?.applied).toBe(true);
    expect(mock.overlaps).toEqual([]);
    expect(rig.rules()).toEqual(['bob.example.com → http://127.0.0.1:3002', '* → http_status:404']);
  }));

test.concurrent('a late removal of a record is not mistaken for applied because another writer removes it', () =>
  withRig({ callTimeoutMs: CALL_TIMEOUT }, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    const { id } = mock.account.records.find(({ name }) => name === rig.hostname('alice')) ?? {};
    mock.faults.next({ kind: 'dns-batch' }, LATE);
    mock.onCall = (call, phase) => {
      if (call.kind !== 'dns-batch' || phase !== 'before') return;
      mock.onCall = null;
      mock.foreign.removeRecord(id ?? '');
      rig.setDesired('bob', true);
    };
    await rig.unregister('alice');
    await waitForRig(rig, 'bob to be open', () => rig.phase('bob') === 'open');
    expect(mock.overlaps).toEqual([]);
    expect(rig.records()).toEqual([`bob.example.com → ${mock.account.tunnelHostname}`]);
  }));

test.concurrent('a late change of a record is not mistaken for applied because its owner repairs it', () =>
  withRig({ callTimeoutMs: CALL_TIMEOUT }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    const id = mock.account.records[0]?.id ?? '';
    mock.foreign.changeRecord(id, { proxied: false });
    mock.faults.next({ kind: 'dns-batch' }, LATE);
    mock.onCall = (call, phase) => {
      if (call.kind !== 'dns-batch' || phase !== 'before') return;
      mock.onCall = null;
      mock.foreign.changeRecord(id, { proxied: true });
      rig.setDesired('alice', true);
    };
    await rig.reconciler.reconcile(true);
    await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
    await waitForRig(rig, 'the late call', () =>
      mock.calls.some(({ fault, endedAt }) => fault === 'slow' && endedAt !== null),
    );
    expect(mock.overlaps).toEqual([]);
  }));

/** The process that takes over from a killed one, and has opened alice's link. */
async function succeed({ rig, another }: Pick<RigBench, 'rig' | 'another'>) {
  const next = another({ disk: rig.disk, lock: simulatedLock() });
  next.registerStudent('alice');
  next.setDesired('alice', true);
  await next.start();
  await waitForRig(next, 'the link', () => next.phase('alice') === 'open');
  return next;
}

test.concurrent('what a killed process has overwritten is told by the next one', () =>
  withRig(
    { callTimeoutMs: CALL_TIMEOUT, disk: new MemoryDisk(), lock: simulatedLock() },
    async ({ mock, rig, another }) => {
      await startWith(rig, ['alice']);
      const sent = Promise.withResolvers<void>();
      mock.onCall = async (call, phase) => {
        if (call.kind !== 'config-put' || phase !== 'before') return;
        mock.onCall = null;
        rig.kill();
        sent.resolve();
        mock.foreign.putConfig((config) => ({ ...config, originRequest: { connectTimeout: 7 } }));
      };
      rig.setDesired('alice', true);
      await sent.promise;
      const next = await succeed({ rig, another });
      expect(lostUpdates({ rig: next })).toHaveLength(1);
    },
  ));

test.concurrent('a lost update of a killed process is reported once, though its successor has to start again', () =>
  withRig(
    { callTimeoutMs: CALL_TIMEOUT, disk: new MemoryDisk(), lock: simulatedLock() },
    async ({ mock, rig, another }) => {
      await startWith(rig, ['alice']);
      const sent = Promise.withResolvers<void>();
      mock.onCall = (call, phase) => {
        if (call.kind !== 'config-put' || phase !== 'before') return;
        rig.kill();
        sent.resolve();
        mock.foreign.putConfig((config) => ({ ...config, originRequest: { connectTimeout: 7 } }));
        // Between two reads of the tags, another writer changes a rule that is ours by its tag only.
        let reads = 0;
        mock.onCall = ({ kind }, at) => {
          if (kind !== 'config-get' || at !== 'before' || ++reads !== 2) return;
          mock.foreign.putConfig(({ ingress, ...config }) => ({
            ...config,
            ingress: ingress.map((rule) =>
              rule.hostname === rig.hostname('alice') ? { ...rule, service: 'http://10.0.0.9:80' } : rule,
            ),
          }));
        };
      };
      rig.setDesired('alice', true);
      await sent.promise;
      const next = await succeed({ rig, another });
      expect(next.rules()[0]).toBe('alice.example.com → http://127.0.0.1:3001');
      expect(lostUpdates({ rig: next })).toHaveLength(1);
    },
  ));

test.concurrent.each(['removed', 'created again on another port'])(
  'a student who is %s after the orchestrator was killed leaves nothing from before',
  (become) =>
    withRig({ callTimeoutMs: CALL_TIMEOUT, dns: 'session', graceMs: 50 }, async ({ mock, rig, another }) => {
      await startWith(rig, ['alice']);
      const killed = Promise.withResolvers<void>();
      mock.onCall = (call, phase) => {
        if (call.kind !== 'config-put' || phase !== 'applied') return;
        mock.onCall = null;
        rig.kill();
        killed.resolve();
      };
      rig.setDesired('alice', true);
      await killed.promise;
      expect(rig.rules()).toHaveLength(2);
      const next = another({ disk: rig.disk, lock: simulatedLock() });
      if (become !== 'gone') next.registerStudent('alice', 3002);
      await next.start();
      await waitFor('nothing to be left', () => next.rules().length === 1 && next.records().length === 0, {
        lastSeen: () => [...next.rules(), ...next.records()].join('\n'),
      });
    }),
);

test.concurrent('another writer’s rule on a hostname that we were about to open is not mistaken for ours', () =>
  withRig({ callTimeoutMs: CALL_TIMEOUT, dns: 'session' }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    mock.faults.next({ kind: 'config-put' }, LATE);
    mock.onCall = (call, phase) => {
      if (call.kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      mock.foreign.putConfig(({ ingress, ...config }) => ({
        ...config,
        ingress: [{ hostname: rig.hostname('alice'), service: 'http://10.0.0.9:80' }, ...ingress],
      }));
    };
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the late call', () =>
      mock.calls.some(({ fault, applied }) => fault === 'slow' && applied),
    );
    await waitForRig(rig, 'the loss to be told', () => lostUpdates({ rig }).length > 0);
    expect(mock.overlaps).toEqual([]);
  }));
