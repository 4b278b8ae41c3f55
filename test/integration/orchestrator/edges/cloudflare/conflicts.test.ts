/** Records and rules of other owners are named and left alone, until the instructor says `--adopt`. */
import { TELL_INSTRUCTOR } from '../../../../../orchestrator/errors.ts';
import type { NewRecord } from '../../../../cloudflare/index.ts';
import { MemoryDisk } from '../../../../support/cloudflare-rig.ts';
import { DNS_MODES, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

const OTHER_TUNNEL = '11111111-2222-3333-4444-555555555555.cfargotunnel.com';

const foreignRecords: { what: string; record: NewRecord; adoptable: boolean }[] = [
  {
    what: 'an A record',
    record: { name: 'alice.example.com', type: 'A', content: '192.0.2.7' },
    adoptable: true,
  },
  {
    what: 'an AAAA record',
    record: { name: 'alice.example.com', type: 'AAAA', content: '2001:db8::7' },
    adoptable: true,
  },
  {
    what: 'a TXT record',
    record: { name: 'alice.example.com', type: 'TXT', content: '"site-verification=1"' },
    adoptable: false,
  },
  {
    what: 'a CNAME to another tunnel',
    record: { name: 'alice.example.com', type: 'CNAME', content: OTHER_TUNNEL, proxied: true },
    adoptable: true,
  },
  {
    what: 'a record with another instance’s owner tag',
    record: {
      name: 'alice.example.com',
      type: 'CNAME',
      content: OTHER_TUNNEL,
      proxied: true,
      comment: 'devenv annex/alice',
    },
    adoptable: true,
  },
  {
    what: 'a record whose owner tag only begins like ours',
    record: {
      name: 'alice.example.com',
      type: 'CNAME',
      content: OTHER_TUNNEL,
      proxied: true,
      comment: 'devenv labor/alice',
    },
    adoptable: true,
  },
];

const cases = DNS_MODES.flatMap((dns) => foreignRecords.map((each) => ({ dns, ...each })));

test.each(cases)(
  'with dns: $dns, $what stays, is named, and is taken over only with --adopt',
  async ({ dns, record, adoptable }) => {
    await withRig({ dns }, async ({ mock, rig }) => {
      mock.foreign.addRecord(record);
      const before = JSON.stringify(mock.account.records);
      await startWith(rig, ['alice', 'bob']);
      // With `student` it is known when the student is made, else when the link is to open.
      if (dns === 'student') await waitForRig(rig, 'the conflict', () => rig.problem('alice') !== null);
      else expect(rig.problem('alice')).toBeNull();
      rig.setDesired('alice', true);
      await setAll(rig, 'open', ['bob']);
      await waitForRig(rig, 'the conflict', () => rig.problem('alice') !== null);
      const named = `${record.type} ${record.content}`;
      expect(rig.problem('alice')).toEqual({
        code: 'conflict',
        what: `alice.example.com has a DNS record that is not devenv's: ${named}.`,
        next: adoptable
          ? expect.stringContaining('`devenv open alice --adopt`')
          : expect.not.stringContaining('--adopt'),
        nextForStudent: TELL_INSTRUCTOR,
      });
      const listed = {
        hostname: 'alice.example.com',
        student: 'alice',
        found: `record of another owner: ${named}`,
        action: null,
      };
      expect(await rig.reconciler.reconcile(false)).toEqual([{ ...listed, failed: null }]);
      expect(await rig.reconciler.reconcile(true)).toEqual([{ ...listed, failed: null }]);
      expect(rig.rules()).not.toContainEqual(expect.stringContaining('alice'));
      expect(JSON.stringify(mock.account.records.filter(({ name }) => name.startsWith('alice')))).toBe(
        before,
      );

      rig.retryNow('alice', true);
      if (adoptable) {
        await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
        expect(rig.records()).toContain(`alice.example.com → ${mock.account.tunnelHostname}`);
        expect(await rig.reconciler.reconcile(false)).toEqual([]);
      } else {
        await rig.whenIdle();
        expect(rig.problem('alice')?.code).toBe('conflict');
        expect(JSON.stringify(mock.account.records.filter(({ name }) => name.startsWith('alice')))).toBe(
          before,
        );
      }
    });
  },
);

test.each(DNS_MODES)(
  'with dns: %s, a rule of another owner stays, is named, and is taken over only with --adopt',
  async (dns) => {
    await withRig({ dns }, async ({ mock, rig }) => {
      mock.foreign.putConfig(() => ({
        ingress: [
          { hostname: 'alice.example.com', service: 'http://10.0.0.9:80' },
          { hostname: 'alice.example.com', path: '/old', service: 'http://10.0.0.8:80' },
          { service: 'http_status:404' },
        ],
      }));
      await startWith(rig, ['alice', 'bob']);
      rig.setDesired('alice', true);
      await setAll(rig, 'open', ['bob']);
      await waitForRig(rig, 'the conflict', () => rig.problem('alice') !== null);
      expect(rig.problem('alice')).toMatchObject({
        code: 'conflict',
        what: "The tunnel has a rule for alice.example.com that is not devenv's: it forwards to http://10.0.0.9:80.",
      });
      // A record of ours would make that rule look like ours.
      expect(rig.records()).toEqual([`bob.example.com → ${mock.account.tunnelHostname}`]);
      expect(rig.rules()).toContain('alice.example.com → http://10.0.0.9:80');
      rig.retryNow('alice', true);
      await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
      // What has a path was never in the way.
      expect(rig.rules()).toEqual([
        'alice.example.com → http://10.0.0.8:80',
        'bob.example.com → http://127.0.0.1:3002',
        'alice.example.com → http://127.0.0.1:3001',
        '* → http_status:404',
      ]);
      await setAll(rig, 'closed', ['alice']);
      expect(rig.rules()[0]).toBe('alice.example.com → http://10.0.0.8:80');
    });
  },
);

test.each([
  {
    what: 'a record that can’t be taken over',
    record: { type: 'TXT' as const, content: '"site-verification=1"' },
    refuses: false,
  },
  {
    what: 'a record whose change Cloudflare refuses',
    record: { type: 'A' as const, content: '192.0.2.7' },
    refuses: true,
  },
])('$what: --adopt leaves the rule beside it as it was', async ({ record, refuses }) => {
  await withRig({}, async ({ mock, rig }) => {
    const name = rig.hostname('alice');
    mock.foreign.addRecord({ name, ...record });
    mock.foreign.putConfig(({ ingress, ...config }) => ({
      ...config,
      ingress: [{ hostname: name, service: 'http://10.0.0.9:80' }, ...ingress],
    }));
    await startWith(rig, ['alice', 'bob']);
    if (refuses) mock.faults.next({ kind: 'dns-batch' }, 'refused', 1000);
    rig.setDesired('alice', true);
    rig.retryNow('alice', true);
    await waitForRig(
      rig,
      'it to be told',
      () => rig.problem('alice')?.code === (refuses ? 'edge' : 'conflict'),
    );
    await setAll(rig, 'open', ['bob']);
    await rig.whenIdle();
    expect(rig.rules()).toContain('alice.example.com → http://10.0.0.9:80');
    expect(rig.records()).toContain(`alice.example.com → ${record.content}`);
  });
});

test('a rule that forwards where ours would is not ours for that: another instance’s, or one made by hand', async () => {
  await withRig({}, async ({ mock, rig, another }) => {
    const annex = another({ instance: 'annex', disk: new MemoryDisk() });
    await startWith(annex, ['alice']);
    await setAll(annex, 'open', ['alice']);
    const byHand = { hostname: rig.hostname('bob'), service: 'http://127.0.0.1:3002' };
    mock.foreign.addRecord({ name: byHand.hostname, type: 'A', content: '192.0.2.7' });
    mock.foreign.putConfig(({ ingress, ...config }) => ({
      ...config,
      ingress: [{ ...byHand, originRequest: { noTLSVerify: true } }, ...ingress],
    }));
    const before = rig.rules();
    await startWith(rig, ['alice', 'bob']);
    await waitForRig(rig, 'both clashes', () =>
      ['alice', 'bob'].every((name) => rig.problem(name)?.code === 'conflict'),
    );
    rig.setDesired('bob', true);
    await rig.reconciler.reconcile(true);
    await rig.unregister('bob');
    await rig.reconciler.reconcile(true);
    expect(rig.rules()).toEqual(before);
  });
});

test('two records of another type with our owner tag, made by another writer, are repaired', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    const { id = '', name = '', comment = null } = mock.account.records[0] ?? {};
    mock.foreign.removeRecord(id);
    mock.foreign.addRecord({ name, comment, type: 'A', content: '192.0.2.7' });
    mock.foreign.addRecord({ name, comment, type: 'AAAA', content: '2001:db8::7' });
    await rig.reconciler.reconcile(true);
    expect(rig.records()).toEqual([`alice.example.com → ${mock.account.tunnelHostname}`]);
    expect(rig.problem('alice')).toBeNull();
  });
});

test('--adopt counts once: what comes later is a conflict again', async () => {
  await withRig({}, async ({ mock, rig }) => {
    mock.foreign.addRecord({
      name: 'alice.example.com',
      type: 'MX',
      content: 'mail.example.com',
      priority: 1,
    });
    await startWith(rig, ['alice']);
    rig.setDesired('alice', true);
    rig.retryNow('alice', true);
    await waitForRig(rig, 'the conflict', () => rig.problem('alice')?.code === 'conflict');
    const [mail] = mock.account.records;
    mock.foreign.removeRecord(mail?.id ?? '');
    mock.foreign.addRecord({ name: 'alice.example.com', type: 'A', content: '192.0.2.9' });
    await rig.reconciler.reconcile(true);
    expect(rig.records()).toEqual(['alice.example.com → 192.0.2.9']);
    expect(rig.problem('alice')?.what).toMatch(/A 192\.0\.2\.9/);
  });
});

test('a conflict that disappears is over at the next reconcile', async () => {
  await withRig({}, async ({ mock, rig }) => {
    const { id } = mock.foreign.addRecord({ name: 'alice.example.com', type: 'A', content: '192.0.2.9' });
    await startWith(rig, ['alice']);
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the conflict', () => rig.problem('alice') !== null);
    mock.foreign.removeRecord(id);
    await rig.reconciler.reconcile(true);
    expect(rig.view('alice')).toEqual({ phase: 'open', problem: null });
  });
});

test.each(DNS_MODES)(
  'with dns: %s, a rule that another writer makes while our record is created stays theirs, even when the rollback fails',
  async (dns) => {
    await withRig({ dns, callTimeoutMs: 300 }, async ({ mock, rig }) => {
      await startWith(rig, dns === 'session' ? ['alice'] : []);
      mock.onCall = (call, phase) => {
        if (call.kind !== 'dns-batch' || phase !== 'applied') return;
        mock.onCall = null;
        mock.foreign.putConfig((config) => ({
          ...config,
          ingress: [{ hostname: 'alice.example.com', service: 'http://10.0.0.9:80' }, ...config.ingress],
        }));
        mock.faults.next({ kind: 'dns-batch' }, 'server-error');
      };
      if (dns === 'student') rig.registerStudent('alice');
      rig.setDesired('alice', true);
      await waitForRig(rig, 'the conflict', () => rig.problem('alice')?.code === 'conflict');
      await waitForRig(rig, 'the undoing', () => rig.records().length === 0);
      await rig.whenIdle();
      expect(rig.rules()).toEqual(['alice.example.com → http://10.0.0.9:80', '* → http_status:404']);
      expect(rig.problem('alice')?.code).toBe('conflict');
      expect(rig.disk.journalEntries()).toEqual([]);
    });
  },
);
