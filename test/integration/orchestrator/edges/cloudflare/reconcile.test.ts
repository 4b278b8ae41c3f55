/** Every drift is detected, listed and repaired. With `--dry-run` the same list is shown and nothing is written. */
import type { MockCloudflare } from '../../../../cloudflare/index.ts';
import type { CloudflareRig } from '../../../../support/cloudflare-rig.ts';
import { MemoryDisk } from '../../../../support/cloudflare-rig.ts';
import { countsSince, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

type Rule = { hostname?: string; service: string; originRequest?: Record<string, string | boolean> };

const idOf = (mock: MockCloudflare, student: string) =>
  mock.account.records.find(({ name }) => name === `${student}.example.com`)?.id ?? '';
const setRules = (mock: MockCloudflare, change: (rules: Rule[]) => Rule[]) =>
  mock.foreign.putConfig((config) => ({ ...config, ingress: change(config.ingress as Rule[]) }));
const leadingTo = (hostname: string, service: string) => (rules: Rule[]) => [
  { hostname, service },
  ...rules.filter((rule) => rule.hostname !== hostname),
];

interface Drift {
  what: string;
  /** A person changes something by hand; alice and bob are open, carol is closed. */
  by(mock: MockCloudflare): void;
  /** Rows of the table: hostname, student, found, action. */
  rows: (string | null)[][];
  /** It needs a person: it is the same afterwards. */
  stays?: true;
}

const ALICE = 'alice.example.com';
const drifts: Drift[] = [
  {
    what: 'a record is deleted',
    by: (mock) => mock.foreign.removeRecord(idOf(mock, 'alice')),
    rows: [[ALICE, 'alice', 'no record', 'add it']],
  },
  {
    what: 'a record leads elsewhere',
    by: (mock) => void mock.foreign.changeRecord(idOf(mock, 'alice'), { content: 'elsewhere.example.net' }),
    rows: [[ALICE, 'alice', 'record changed: CNAME elsewhere.example.net', 'put it right']],
  },
  {
    what: 'a record is not proxied any more',
    by: (mock) => void mock.foreign.changeRecord(idOf(mock, 'alice'), { proxied: false }),
    rows: [[ALICE, 'alice', expect.stringMatching(/^record changed/) as string, 'put it right']],
  },
  {
    what: 'a record is replaced by one of another type with our owner tag',
    by(mock) {
      mock.foreign.removeRecord(idOf(mock, 'alice'));
      mock.foreign.addRecord({ name: ALICE, type: 'A', content: '192.0.2.1', comment: 'devenv lab/alice' });
    },
    rows: [[ALICE, 'alice', 'record changed: A 192.0.2.1', 'put it right']],
  },
  {
    what: 'a comment is added to',
    by: (mock) =>
      void mock.foreign.changeRecord(idOf(mock, 'alice'), { comment: 'devenv lab/alice (keep!)' }),
    rows: [[ALICE, 'alice', expect.stringMatching(/^record changed/) as string, 'put it right']],
  },
  {
    what: 'a rule is deleted',
    by: (mock) => setRules(mock, (rules) => rules.filter(({ hostname }) => hostname !== ALICE)),
    rows: [[ALICE, 'alice', 'no rule', 'add it']],
  },
  {
    what: 'a rule leads elsewhere',
    by: (mock) => setRules(mock, leadingTo(ALICE, 'http://127.0.0.1:9')),
    rows: [[ALICE, 'alice', 'rule changed', 'put it right']],
  },
  {
    what: 'a rule has an originRequest',
    by: (mock) =>
      setRules(mock, (rules) =>
        rules.map((rule) =>
          rule.hostname === ALICE ? { ...rule, originRequest: { httpHostHeader: 'x' } } : rule,
        ),
      ),
    rows: [[ALICE, 'alice', 'rule changed', 'put it right']],
  },
  {
    what: 'a rule is there twice',
    by: (mock) =>
      setRules(mock, (rules) => [
        { hostname: 'Alice.example.com', service: 'http://127.0.0.1:3001' },
        ...rules,
      ]),
    rows: [[ALICE, 'alice', 'rule out of reach', 'move it up']],
  },
  {
    what: 'a rule is there for a closed link',
    by: (mock) => setRules(mock, leadingTo('carol.example.com', 'http://127.0.0.1:9')),
    rows: [['carol.example.com', 'carol', 'rule for a closed link', 'remove it']],
  },
  {
    what: 'record and rule of a student who was removed are left',
    by(mock) {
      mock.foreign.addRecord({
        name: 'zoe.example.com',
        type: 'CNAME',
        content: mock.account.tunnelHostname,
        proxied: true,
        comment: 'devenv lab/zoe',
      });
      setRules(mock, leadingTo('zoe.example.com', 'http://127.0.0.1:3099'));
    },
    rows: [
      ['zoe.example.com', 'zoe', 'rule for a closed link', 'remove it'],
      ['zoe.example.com', 'zoe', 'record that no link needs', 'remove it'],
    ],
  },
  {
    what: 'a rule that no record covers',
    by: (mock) => setRules(mock, leadingTo('zoe.example.com', 'http://127.0.0.1:3099')),
    rows: [['zoe.example.com', null, 'rule without record, to http://127.0.0.1:3099', null]],
    stays: true,
  },
  {
    what: 'a rule of another zone’s',
    by: (mock) => setRules(mock, leadingTo('grafana.example.org', 'http://127.0.0.1:3000')),
    rows: [],
  },
  {
    what: 'a rule that a wildcard record covers',
    by(mock) {
      mock.foreign.addRecord({
        name: '*.example.com',
        type: 'CNAME',
        content: mock.account.tunnelHostname,
        proxied: true,
      });
      setRules(mock, leadingTo('wiki.example.com', 'http://127.0.0.1:3000'));
    },
    rows: [],
  },
];

/** Everything at Cloudflare as JSON, without what changes automatically. */
const snapshot = (rig: CloudflareRig) =>
  JSON.stringify([rig.rules(), rig.mock.account.records, rig.mock.account.tunnel.version]);

test.each(drifts)('$what', async ({ by, rows, stays }) => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob', 'carol']);
    await setAll(rig, 'open', ['alice', 'bob']);
    // A hostname's case is as good as any other.
    const state = () => [
      rig
        .rules()
        .map((rule) => rule.toLowerCase())
        .toSorted(),
      rig.records(),
    ];
    const good = state();
    by(mock);
    const asRows = (found: Awaited<ReturnType<typeof rig.reconciler.reconcile>>) =>
      found.map(({ hostname, student, found: what, action }) => [hostname, student, what, action]);
    const before = snapshot(rig);
    expect(asRows(await rig.reconciler.reconcile(false))).toEqual(rows);
    expect(snapshot(rig)).toBe(before);
    const from = mock.calls.length;
    const repaired = await rig.reconciler.reconcile(true);
    expect(asRows(repaired)).toEqual(rows);
    expect(repaired.every(({ failed }) => failed === null)).toBe(true);
    if (rows.length === 0 || stays) {
      expect(snapshot(rig)).toBe(before);
      // Nothing but reading.
      expect(Object.keys(countsSince(mock, from)).sort()).toEqual(['config-get', 'dns-list']);
    } else expect(state()).toEqual(good);
    expect(await rig.reconciler.reconcile(true)).toHaveLength(stays ? rows.length : 0);
    for (const name of ['alice', 'bob']) expect(rig.view(name)).toEqual({ phase: 'open', problem: null });
  });
});

test('a repair that fails is reported with its reason; an edge that can’t be read is an error', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    setRules(mock, (rules) => rules.filter(({ hostname }) => hostname !== ALICE));
    mock.faults.next({ kind: 'config-put' }, 'refused');
    expect(await rig.reconciler.reconcile(true)).toMatchObject([
      { found: 'no rule', failed: { what: expect.stringMatching(/does not let this token change/) } },
    ]);
    for (const repair of [true, false]) {
      mock.faults.next({ kind: 'dns-list' }, 'server-error');
      await expect(rig.reconciler.reconcile(repair)).rejects.toMatchObject({
        code: 'edge',
        what: expect.stringMatching(/could not be reached/),
      });
    }
    await rig.reconciler.reconcile(true);
    expect(rig.rules()[0]).toMatch(/^alice/);
  });
});

test('the log says "repaired" only of what was; a failed repair is logged once, with its reason', async () => {
  await withRig({}, async ({ mock, rig }) => {
    const said = () =>
      rig.log
        .lines()
        .filter(({ msg }) => msg.startsWith('drift'))
        .map(({ msg }) => msg);
    mock.foreign.addRecord({ name: 'bob.example.com', type: 'A', content: '192.0.2.7' });
    mock.faults.next({ kind: 'dns-batch' }, 'refused', 2);
    // The first run reads everything.
    await startWith(rig, ['alice', 'bob']);
    const clash = 'drift, not repaired: bob.example.com, record of another owner: A 192.0.2.7';
    const failed = expect.stringMatching(
      /^drift, repair failed: alice\.example\.com, no record, add it: .*does not let this token/,
    );
    expect(said().sort()).toEqual([clash, failed]);
    await rig.reconciler.reconcile(true);
    expect(said()).toHaveLength(2);
    await rig.reconciler.reconcile(true);
    await rig.reconciler.reconcile(true);
    expect(said().slice(2)).toEqual(['drift repaired: alice.example.com, no record, add it']);
    // What was over and is there again is news.
    const [record] = mock.account.records.filter(({ name }) => name === 'bob.example.com');
    mock.foreign.removeRecord(record?.id ?? '');
    await rig.reconciler.reconcile(true);
    mock.foreign.removeRecord(idOf(mock, 'bob'));
    mock.foreign.addRecord({ name: 'bob.example.com', type: 'A', content: '192.0.2.7' });
    await rig.reconciler.reconcile(true);
    expect(said().slice(3)).toEqual(['drift repaired: bob.example.com, no record, add it', clash]);
  });
});

test('with the disk lost, the owner tags alone say what is ours', async () => {
  await withRig({}, async ({ mock, rig, another }) => {
    setRules(mock, leadingTo('shop.example.com', 'http://10.0.0.5:80'));
    mock.foreign.addRecord({ name: 'shop.example.com', type: 'A', content: '192.0.2.1', comment: 'devenv' });
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice', 'bob']);
    await rig.stop();
    // alice is made again, at another port; bob is not.
    const second = another({ disk: new MemoryDisk() });
    second.registerStudent('alice', 3333);
    await second.start();
    await waitForRig(
      second,
      'bob to be gone',
      () => !second.records().some((line) => line.startsWith('bob')),
    );
    expect(second.rules()).toEqual(['shop.example.com → http://10.0.0.5:80', '* → http_status:404']);
    await setAll(second, 'open', ['alice']);
    expect(second.rules()).toContain('alice.example.com → http://127.0.0.1:3333');
    expect(second.records()).toEqual([
      `alice.example.com → ${mock.account.tunnelHostname}`,
      'shop.example.com → 192.0.2.1',
    ]);
    await second.stop();
    const third = another({ disk: new MemoryDisk() });
    await startWith(third, []);
    await waitForRig(
      third,
      'all of ours to be gone',
      () => third.records().length === 1 && third.rules().length === 2,
    );
  });
});
