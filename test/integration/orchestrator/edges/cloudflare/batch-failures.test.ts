/** One student's bad record never delays the class: a batch that fails is split until the failing change is isolated. */
import type { MockCloudflare } from '../../../../cloudflare/index.ts';
import { invalidRecord } from '../../../../cloudflare/refusals.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import {
  countsSince,
  DNS_MODES,
  setAll,
  startWith,
  students,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

/** Another writer takes a hostname while our batch is in flight. */
function snatch(mock: MockCloudflare, hostnames: readonly string[]): void {
  mock.onCall = (call, phase) => {
    if (call.kind !== 'dns-batch' || phase !== 'before') return;
    mock.onCall = null;
    for (const name of hostnames) mock.foreign.addRecord({ name, type: 'A', content: '192.0.2.1' });
  };
}

/** Leaves that many places in a Free zone. */
function fill(mock: MockCloudflare, left: number): void {
  for (let index = 0; index < 200 - left; index += 1)
    mock.foreign.addRecord({ name: `other${index}.example.com`, type: 'A', content: '192.0.2.1' });
}

const quota = { what: 'The zone holds as many DNS records as its plan allows.' };

const openOnes = (names: readonly string[], phaseOf: (name: string) => string) =>
  names.filter((name) => phaseOf(name) === 'open').length;

test('names that are snatched on the way are read back and named; the other 28 are open with one batch more', async () => {
  await withRig({ dns: 'session' }, async ({ mock, rig }) => {
    const names = students(30);
    await startWith(rig, names);
    const from = mock.calls.length;
    snatch(mock, ['s7.example.com', 's21.example.com']);
    for (const name of names) rig.setDesired(name, true);
    await waitForRig(rig, '28 to be open', () => openOnes(names, (name) => rig.phase(name)) === 28);
    for (const name of ['s7', 's21']) expect(rig.problem(name)?.what).toMatch(/A 192\.0\.2\.1/);
    expect(countsSince(mock, from)).toEqual({
      'dns-batch': 2,
      'dns-list': 1,
      'config-get': 1,
      'config-put': 1,
    });
  });
});

test('a record that Cloudflare refuses is isolated within few calls, and its student is told the reason', async () => {
  await withRig({ dns: 'session' }, async ({ mock, rig }) => {
    const names = [...students(15), 'bad', ...students(30).slice(15)];
    const { dns } = mock.account;
    const create = dns.create.bind(dns);
    dns.create = (record) => {
      if ((record as { name: string }).name === 'bad.example.com')
        throw invalidRecord(9000, 'DNS name is invalid.');
      return create(record);
    };
    await startWith(rig, names);
    const from = mock.calls.length;
    for (const name of names) rig.setDesired(name, true);
    await waitForRig(rig, '30 to be open', () => openOnes(names, (name) => rig.phase(name)) === 30);
    const bad = rig.problem('bad');
    expect(bad?.what).toMatch(/^Cloudflare refused the DNS record\. Cloudflare: .+\(\d+\)\.$/);
    // All, then both halves of whatever holds the culprit, down to one: 2 log2(31) + 1 at the most.
    expect(countsSince(mock, from)['dns-batch']).toBeLessThanOrEqual(11);
    expect(countsSince(mock, from)).toMatchObject({ 'config-get': 1, 'config-put': 1 });
  });
});

test.each([0, 1, 17, 29])(
  'a zone with %d places left fills them, and tells the rest of the quota',
  async (left) => {
    await withRig({ dns: 'session' }, async ({ mock, rig }) => {
      fill(mock, left);
      const names = students(30);
      await startWith(rig, names);
      const from = mock.calls.length;
      for (const name of names) rig.setDesired(name, true);
      await waitForRig(rig, 'all to know', () =>
        names.every((name) => rig.phase(name) === 'open' || rig.problem(name) !== null),
      );
      expect(openOnes(names, (name) => rig.phase(name))).toBe(left);
      expect(mock.account.records).toHaveLength(200);
      const told = names.flatMap((name) => rig.problem(name) ?? []);
      expect(told).toHaveLength(30 - left);
      expect(new Set(told.map(({ what }) => what))).toEqual(new Set([quota.what]));
      expect(told[0]?.next).toMatch(/dns: session|larger plan/);
      expect(countsSince(mock, from)['dns-batch']).toBeLessThanOrEqual(12);
      // A place becomes free: the next student who retries gets it.
      mock.foreign.removeRecord(mock.account.records.find(({ name }) => name.startsWith('other'))?.id ?? '');
      await rig.reconciler.reconcile(true);
      expect(openOnes(names, (name) => rig.phase(name))).toBe(left + 1);
    });
  },
);

test.each(DNS_MODES)(
  'with dns: %s, a place that we free in the zone automatically goes to a student who waits for one',
  async (dns) => {
    await withRig({ dns, graceMs: 300 }, async ({ mock, rig }) => {
      fill(mock, 2);
      await startWith(rig, ['alice', 'bob']);
      await setAll(rig, 'open', ['alice', 'bob']);
      rig.registerStudent('carol', 3003);
      rig.setDesired('carol', true);
      await waitForRig(rig, 'carol to know', () => rig.problem('carol') !== null);
      expect(rig.problem('carol')).toMatchObject(quota);
      const from = mock.calls.length;
      // As the message says: by `rm` where a record lives as long as its student, else by the end of a grace period.
      if (dns === 'student') await rig.unregister('bob');
      else rig.setDesired('bob', false);
      await waitForRig(rig, 'carol to be open', () => rig.phase('carol') === 'open');
      await rig.whenIdle();
      expect(rig.problem('carol')).toBeNull();
      expect(mock.account.records).toHaveLength(200);
      // The refusal of each run before, the removal, and the record.
      expect(countsSince(mock, from)['dns-batch']).toBe(dns === 'student' ? 3 : 4);
    });
  },
);

test('a run that frees no place of a full zone is not repeated, nor one that gives back what it took itself', async () => {
  await withRig({ dns: 'session' }, async ({ mock, rig }) => {
    fill(mock, 1);
    await startWith(rig, []);
    rig.register({
      ...ownRoute('bad'),
      hostname: 'bad.example.com',
      origin: 'http://127.0.0.1:3001/path',
    });
    for (const [index, name] of ['carol', 'dave'].entries()) rig.registerStudent(name, 3002 + index);
    for (const name of ['bad', 'carol', 'dave']) rig.setDesired(name, true);
    await waitForRig(rig, 'all to know', () =>
      ['bad', 'carol', 'dave'].every((name) => rig.problem(name) !== null),
    );
    await rig.whenIdle();
    expect(rig.problem('bad')?.what).toMatch(/^Cloudflare refused the tunnel’s rules/);
    expect(rig.problem('carol')).toMatchObject(quota);
    const { runsEnded } = rig;
    await rig.unregister('dave');
    await rig.whenIdle();
    expect(rig.runsEnded - runsEnded).toBe(1);
    expect(mock.account.records).toHaveLength(199);
  });
});

test('a batch that fails, and whose second try has no known outcome, is read back before anything else', async () => {
  await withRig({ dns: 'session', callTimeoutMs: 500 }, async ({ mock, rig }) => {
    const names = students(8);
    await startWith(rig, names);
    const from = mock.calls.length;
    mock.onCall = (call, phase) => {
      if (call.kind !== 'dns-batch' || call.number > from + 1) return;
      if (phase === 'before')
        mock.foreign.addRecord({ name: 's3.example.com', type: 'A', content: '192.0.2.1' });
      if (phase === 'answered') mock.faults.next({ kind: 'dns-batch' }, { kind: 'timeout', applied: true });
    };
    for (const name of names) rig.setDesired(name, true);
    await waitForRig(rig, 'all but one', () => openOnes(names, (name) => rig.phase(name)) === 7);
    expect(mock.calls.slice(from).map(({ kind, fault }) => fault ?? kind)).toEqual([
      'dns-batch',
      'dns-list',
      'timeout',
      'dns-list',
      'config-get',
      'config-put',
    ]);
  });
});

test('a rule that Cloudflare refuses is left out and reported, and the others are open', async () => {
  await withRig({}, async ({ mock, rig }) => {
    const names = students(12);
    await startWith(rig, names);
    rig.register({
      ...ownRoute('bad'),
      hostname: 'bad.example.com',
      origin: 'http://127.0.0.1:3001/path',
    });
    await waitForRig(rig, 'the record', () => rig.records().length === 13);
    await setAll(rig, 'open', ['s0']);
    const from = mock.calls.length;
    rig.setDesired('s0', false);
    for (const name of [...names.slice(1), 'bad']) rig.setDesired(name, true);
    await waitForRig(rig, '11 to be open', () => openOnes(names, (name) => rig.phase(name)) === 11);
    expect(rig.phase('s0')).toBe('closed');
    expect(rig.problem('bad')?.what).toMatch(
      /^Cloudflare refused the tunnel’s rules\. Cloudflare: .*\(1056\)/,
    );
    expect(rig.rules()).toHaveLength(12);
    // The whole document, the closing alone, and halves.
    expect(countsSince(mock, from)['config-put']).toBeLessThanOrEqual(10);
    expect(countsSince(mock, from)['config-get']).toBe(1);
  });
});

test('a record that is removed between our read and our change: its student is notified, and gets another', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    const id = mock.account.records[0]?.id ?? '';
    mock.foreign.changeRecord(id, { proxied: false });
    mock.onCall = (call, phase) => {
      if (call.kind !== 'dns-batch' || phase !== 'before') return;
      mock.onCall = null;
      mock.foreign.removeRecord(id);
    };
    const looked = rig.reconciler.reconcile(true);
    rig.setDesired('alice', true);
    await looked;
    await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
    expect(rig.problems.map(({ what }) => what)).toEqual([
      'Another writer changed the DNS record at the same moment. Cloudflare: Record does not exist. (81044).',
    ]);
    expect(rig.records()).toEqual([`alice.example.com → ${mock.account.tunnelHostname}`]);
  });
});
