/** Only a tag that was read just now counts: another writer may have taken the record, and the hostname, since. */
import { MemoryDisk, simulatedLock } from '../../../../support/cloudflare-rig.ts';
import { type RigBench, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

/** From now on the hostname is another writer's. */
function takeName({ mock, rig }: Pick<RigBench, 'mock' | 'rig'>, student: string): void {
  const record = mock.account.records.find(({ name }) => name === rig.hostname(student));
  mock.foreign.removeRecord(record?.id ?? '');
}

test('a rule that another writer made after taking our record is not changed by the next run', () =>
  withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    takeName({ mock, rig }, 'alice');
    mock.foreign.putConfig((config) => ({
      ...config,
      ingress: [{ hostname: rig.hostname('alice'), service: 'http://10.0.0.9:80' }, ...config.ingress],
    }));
    await setAll(rig, 'open', ['bob']);
    expect(rig.rules()).toContain('alice.example.com → http://10.0.0.9:80');
    await waitForRig(rig, 'the clash to be told', () => rig.problem('alice')?.code === 'conflict');
  }));

test('a record whose owner tag was removed is not removed with its student', () =>
  withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    mock.foreign.changeRecord(mock.account.records[0]?.id ?? '', { comment: 'mine now' });
    await rig.unregister('alice');
    expect(mock.account.records).toMatchObject([{ name: 'alice.example.com', comment: 'mine now' }]);
  }));

test('a rule whose record was removed by another writer is removed with its student', () =>
  withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    takeName({ mock, rig }, 'alice');
    await rig.unregister('alice');
    await rig.reconciler.reconcile(true);
    expect(rig.rules()).toEqual(['* → http_status:404']);
  }));

test('a hostname that another writer takes while our write fails is theirs', () =>
  withRig({ callTimeoutMs: 300 }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    mock.faults.next({ kind: 'config-put' }, 'timeout');
    mock.onCall = (call, phase) => {
      if (call.kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      takeName({ mock, rig }, 'alice');
      mock.foreign.putConfig(({ ingress, ...config }) => ({
        ...config,
        ingress: [{ hostname: rig.hostname('alice'), service: 'http://10.0.0.9:80' }, ...ingress],
      }));
    };
    rig.setDesired('alice', false);
    await waitForRig(rig, 'the clash to be told', () => rig.problem('alice')?.code === 'conflict');
    expect(rig.rules()).toEqual(['alice.example.com → http://10.0.0.9:80', '* → http_status:404']);
  }));

test('a hostname that another writer takes right before our record is created again and we are killed is theirs', async () => {
  const lock = simulatedLock();
  await withRig({ callTimeoutMs: 300, disk: new MemoryDisk(), lock }, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    const theirs = 'alice.example.com → http://10.0.0.9:80';
    mock.onCall = ({ kind }, phase) => {
      if (kind === 'config-get' && phase === 'applied') {
        // Read before the record was taken: our rule exists, its record is gone, and no other owner is visible.
        takeName({ mock, rig }, 'alice');
        mock.foreign.putConfig(({ ingress, ...config }) => ({
          ...config,
          ingress: [{ hostname: rig.hostname('alice'), service: 'http://10.0.0.9:80' }, ...ingress],
        }));
      }
      if (kind === 'dns-batch' && phase === 'applied') {
        mock.onCall = null;
        rig.kill();
        lock.free();
      }
    };
    void rig.reconciler.reconcile(true).catch(() => undefined);
    await waitForRig(rig, 'the kill', () => mock.onCall === null);
    const next = another({ disk: rig.disk });
    await startWith(next, ['alice']);
    next.setDesired('alice', true);
    await waitForRig(next, 'the clash to be told', () => next.problem('alice')?.code === 'conflict');
    await next.whenIdle();
    expect(next.rules()).toEqual([theirs, '* → http_status:404']);
    expect(next.records()).toEqual([]);
  });
});
