/** Records are created before rules and removed after them; what is foreign stays unchanged, and no foreign rule shadows ours. */
import type { Call, MockCloudflare } from '../../../../cloudflare/index.ts';
import { DNS_MODES, setAll, startWith, students, waitForRig, withRig } from '../../../../support/with-rig.ts';

interface Violation {
  call: Pick<Call, 'number' | 'kind'>;
  uncovered: string[];
}

/** Checks at every moment that each rule of a student has a tagged record. */
function watchCover(mock: MockCloudflare): Violation[] {
  const violations: Violation[] = [];
  mock.onCall = (call) => {
    const marked = new Set(
      mock.account.records
        .filter(({ comment }) => comment?.startsWith('devenv lab/'))
        .map(({ name }) => name),
    );
    const rules = (mock.account.tunnel.config?.ingress ?? []).map(({ hostname }) => hostname ?? '');
    const uncovered = rules.filter((hostname) => /^s\d/.test(hostname) && !marked.has(hostname));
    if (uncovered.length > 0) violations.push({ call: { number: call.number, kind: call.kind }, uncovered });
  };
  return violations;
}

test.each(DNS_MODES)('with dns: %s, every rule of ours has a tagged record at every moment', async (dns) => {
  await withRig({ dns, graceMs: 0 }, async ({ mock, rig }) => {
    const names = students(6);
    const violations = watchCover(mock);
    await startWith(rig, names);
    await setAll(rig, 'open', names);
    await setAll(rig, 'closed', names.slice(0, 3));
    await setAll(rig, 'open', names.slice(0, 1));
    await Promise.all(names.map((name) => rig.unregister(name)));
    await waitForRig(rig, 'all to be gone', () => rig.records().length === 0);
    expect(rig.rules()).toEqual(['* → http_status:404']);
    expect(violations).toEqual([]);
    const kinds = mock.calls.filter(({ applied }) => applied).map(({ kind }) => kind);
    // The very first write makes records, the very last one removes some.
    expect([kinds[0], kinds.at(-1)]).toEqual(['dns-batch', 'dns-batch']);
  });
});

/** What an administrator may have: other services, paths, wildcards, settings of their own, numbered rules. */
const administrators = {
  'warp-routing': { enabled: true, connectTimeout: 5 },
  ingress: [
    {
      id: '1',
      hostname: 'shop.example.com',
      service: 'http://10.0.0.5:80',
      originRequest: { httpHostHeader: 'x' },
    },
    { hostname: 'Alice.Example.com', path: '^/legacy', service: 'http://10.0.0.4:80' },
    { hostname: 'git.other.org', service: 'ssh://10.0.0.8:22', originRequest: {} },
    { hostname: '*.example.com', path: '/status', service: 'http://10.0.0.6:80' },
    { hostname: '*.example.com', service: 'http_status:403' },
    { hostname: '', service: 'http_status:404' },
  ],
  originRequest: { connectTimeout: 12, access: { required: true, teamName: 'x', audTag: ['a'] } },
};

test('foreign rules come back equal as JSON, keys in their order; ours come before what would shadow them', async () => {
  await withRig({}, async ({ mock, rig }) => {
    mock.foreign.putConfig(() => structuredClone(administrators));
    const before = JSON.stringify(mock.account.tunnel.config);
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice', 'bob']);
    const hostnames = mock.account.tunnel.config?.ingress.map(({ hostname }) => hostname);
    expect(hostnames).toEqual([
      'shop.example.com',
      'Alice.Example.com',
      'git.other.org',
      'alice.example.com',
      'bob.example.com',
      '*.example.com',
      '*.example.com',
      '',
    ]);
    await setAll(rig, 'closed', ['alice', 'bob']);
    expect(JSON.stringify(mock.account.tunnel.config)).toBe(before);
  });
});

test('a rule of ours is moved above a new wildcard at the next reconcile', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    mock.foreign.putConfig((config) => ({
      ...config,
      ingress: [{ hostname: '*.example.com', service: 'http://10.0.0.7:80' }, ...config.ingress],
    }));
    expect(await rig.reconciler.reconcile(true)).toEqual([
      {
        hostname: 'alice.example.com',
        student: 'alice',
        found: 'rule out of reach',
        action: 'move it up',
        failed: null,
      },
    ]);
    expect(rig.rules().map((rule) => rule.split(' ')[0])).toEqual([
      'alice.example.com',
      '*.example.com',
      '*',
    ]);
  });
});

test('a tunnel without a configuration gets a rule and the catch-all that cloudflared requires', async () => {
  await withRig({}, async ({ mock, rig }) => {
    expect(mock.account.tunnel.config).toBeNull();
    await startWith(rig, ['alice']);
    expect(mock.account.tunnel.config).toBeNull();
    await setAll(rig, 'open', ['alice']);
    expect(mock.account.tunnel.config).toEqual({
      ingress: [
        { hostname: 'alice.example.com', service: 'http://127.0.0.1:3001' },
        { service: 'http_status:404' },
      ],
    });
  });
});

test('the owner tag of the longest names fits a Free zone’s comment, names both, and is parsed again', async () => {
  const instance = `lab-${'x'.repeat(28)}`;
  const long = `anna-${'m'.repeat(58)}`;
  const twin = `anna-${'m'.repeat(57)}n`;
  await withRig({ instance, dns: 'student' }, async ({ mock, rig, another }) => {
    await startWith(rig, [long, twin]);
    await setAll(rig, 'open', [long, twin]);
    const comments = mock.account.records.map(({ comment }) => comment ?? '');
    expect(new Set(comments).size).toBe(2);
    for (const comment of comments) {
      expect(comment.length).toBeLessThanOrEqual(100);
      expect(comment).toMatch(new RegExp(`^devenv ${instance}/anna-m{40,}`));
    }
    await rig.stop();
    // They are not registered any more, and the disk is another one.
    const later = another();
    await startWith(later, []);
    await waitForRig(
      later,
      'all to be gone',
      () => later.records().length === 0 && later.rules().length === 1,
    );
  });
});
