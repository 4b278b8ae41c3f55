/** The start of the daemon: settings that can't work are refused; an unreachable Cloudflare is retried. */
import type { DevenvError } from '../../../../../orchestrator/errors.ts';
import type { RigOptions } from '../../../../support/cloudflare-rig.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import {
  countsSince,
  type RigBench,
  setAll,
  startWith,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

const refusals: { what: string; options?: RigOptions; prepare?(bench: RigBench): void; says: RegExp }[] = [
  {
    what: 'a wrong token',
    options: { token: 'not-a-token' },
    says: /refuses the token.*Invalid access token/,
  },
  {
    what: 'a token without Zone / Read',
    prepare: ({ mock }) => mock.account.scopes.delete('zone'),
    says: /refuses the token or the ids/,
  },
  {
    what: 'a token without Tunnel / Edit',
    prepare: ({ mock }) => mock.account.scopes.delete('tunnel'),
    says: /refuses the token or the ids/,
  },
  {
    what: 'another zone’s id',
    options: { zoneId: '0'.repeat(32) },
    says: /refuses the token or the ids.*Unauthorized/,
  },
  {
    what: 'another account’s id',
    options: { accountId: '0'.repeat(32) },
    says: /refuses the token or the ids/,
  },
  {
    what: 'an unknown tunnel',
    options: { tunnelId: '11111111-2222-3333-4444-555555555555' },
    says: /Tunnel not found/,
  },
  {
    what: 'a tunnel with a file of its own',
    prepare({ mock }) {
      mock.account.tunnel.source = 'local';
    },
    says: /reads its rules from a file/,
  },
  {
    what: 'a template of another domain',
    options: { hostname: '{student}.example.org' },
    says: /does not end in \.example\.com/,
  },
  {
    what: 'a template that is too deep',
    options: { hostname: '{student}.class.example.com' },
    says: /Universal SSL/,
  },
];

test.each(refusals)(
  '$what is refused, with what to do, before anything is written',
  async ({ options = {}, prepare, says }) => {
    await withRig(options, async (bench) => {
      prepare?.(bench);
      const error = (await bench.rig.start().catch((thrown: unknown) => thrown)) as DevenvError;
      expect(error).toMatchObject({ code: 'bad-settings', what: expect.stringMatching(says) });
      expect(error.next).toMatch(/CLOUDFLARE_|Write it like/);
      expect(bench.mock.calls.filter(({ method }) => method !== 'GET')).toEqual([]);
    });
  },
);

test('a tunnel that is deleted, or taken over by a file, while the daemon runs: `doctor` says so', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, []);
    expect((await rig.edge.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
    mock.account.tunnel.source = 'local';
    expect((await rig.edge.diagnose()).find(({ subject }) => subject === 'Tunnel')).toMatchObject({
      ok: false,
      found: expect.stringMatching(/reads its rules from a file/),
    });
    mock.account.scopes.delete('dns');
    expect((await rig.edge.diagnose()).find(({ subject }) => subject === 'Zone')).toMatchObject({
      ok: false,
      next: expect.stringMatching(/Zone \/ DNS \/ Edit/),
    });
  });
});

test('Cloudflare unreachable at the start, its zone known from before: students are created, and get their records later', async () => {
  await withRig({}, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    await rig.stop();
    const second = another({ disk: rig.disk, callTimeoutMs: 300 });
    // Everything is refused, for a while.
    mock.faults.next({}, 'reset-before', 8);
    second.registerStudent('alice');
    second.setDesired('alice', true);
    await second.start();
    expect(await second.edge.hostname('bob')).toBe('bob.example.com');
    second.registerStudent('bob', 3002);
    second.setDesired('bob', true);
    await waitForRig(second, 'the message', () => second.problem('bob') !== null);
    expect(second.problem('bob')?.what).toMatch(/^Cloudflare could not be reached/);
    mock.faults.clear();
    await waitForRig(second, 'both to be open', () =>
      ['alice', 'bob'].every((name) => second.phase(name) === 'open'),
    );
    expect(second.problem('bob')).toBeNull();
  });
});

test('Cloudflare unreachable at the very first start, and no template: hostnames are unknown, with a clear error, until it answers', async () => {
  await withRig({}, async ({ mock, rig }) => {
    mock.faults.next({}, 'reset-before', 3);
    await rig.start();
    await waitForRig(rig, 'the log', () => /can’t be reached/.test(rig.log.text()));
    mock.faults.next({ kind: 'zone' }, 'html');
    await expect(rig.edge.hostname('alice')).rejects.toMatchObject({
      code: 'edge',
      what: expect.stringMatching(/zone's name/),
      next: expect.stringMatching(/again/),
    });
    mock.faults.clear();
    expect(await rig.edge.hostname('alice')).toBe('alice.example.com');
  });
});

test('Cloudflare unreachable at the very first start, and a template that names the whole hostname: students are created, and get their records later', async () => {
  await withRig({ hostname: '{student}-class.example.com' }, async ({ mock, rig }) => {
    mock.faults.next({}, 'reset-before', 1000);
    await rig.start();
    const hostname = await rig.edge.hostname('alice');
    expect(hostname).toBe('alice-class.example.com');
    rig.register(ownRoute('alice', hostname, 'http://127.0.0.1:3001'));
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
    expect(rig.problem('alice')?.what).toMatch(/^Cloudflare could not be reached/);
    mock.faults.clear();
    await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
    expect(rig.records()[0]).toMatch(/^alice-class\.example\.com/);
    expect(rig.problem('alice')).toBeNull();
  });
});

test.each([
  [
    'a template of another domain',
    '{student}.example.org',
    /alice\.example\.org does not end in \.example\.com/,
  ],
  ['a template that is too deep', '{student}.class.example.com', /more than one level below example\.com/],
])(
  'Cloudflare unreachable at the very first start, and %s: students are told when the zone is known, and nothing is written',
  async (_what, template, says) => {
    await withRig({ hostname: template }, async ({ mock, rig }) => {
      mock.faults.next({}, 'reset-before', 1000);
      await rig.start();
      const hostname = await rig.edge.hostname('alice');
      rig.register(ownRoute('alice', hostname, 'http://127.0.0.1:3001'));
      rig.setDesired('alice', true);
      mock.faults.clear();
      await waitForRig(rig, 'the message', () => says.test(rig.problem('alice')?.what ?? ''));
      expect(rig.problem('alice')).toMatchObject({
        code: 'bad-settings',
        next: expect.stringMatching(/DEVENV_HOSTNAME.*Write it like/),
      });
      // Nothing has changed since: the student is notified all the same, and the link is not shown as open.
      await rig.reconciler.reconcile(true);
      rig.register({
        ...ownRoute('bob'),
        hostname: 'bob.example.com',
        origin: 'http://127.0.0.1:3002',
      });
      rig.setDesired('bob', true);
      await waitForRig(rig, 'bob to be open', () => rig.phase('bob') === 'open');
      expect([rig.phase('alice'), rig.problem('alice')?.code]).toEqual(['opening', 'bad-settings']);
      expect(rig.records()).toEqual([expect.stringMatching(/^bob/)]);
      // The same where the whole run failed.
      mock.faults.next({ kind: 'config-get' }, 'server-error');
      await rig.reconciler.reconcile(true).catch(() => undefined);
      expect([rig.phase('alice'), rig.problem('alice')?.code]).toEqual(['opening', 'bad-settings']);
      // From now on it is refused at once.
      await expect(rig.edge.hostname('carol')).rejects.toMatchObject({ code: 'bad-settings' });
    });
  },
);

test('a restart while links are open changes nothing and writes nothing', async () => {
  await withRig({}, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice', 'bob']);
    await rig.stop();
    expect(rig.rules()).toHaveLength(3);
    const from = mock.calls.length;
    const second = another({ disk: rig.disk });
    for (const [index, name] of ['alice', 'bob'].entries()) {
      second.registerStudent(name, 3001 + index);
      second.setDesired(name, true);
    }
    await second.start();
    await waitForRig(second, 'both to be open', () =>
      ['alice', 'bob'].every((name) => second.phase(name) === 'open'),
    );
    expect(countsSince(mock, from)).toEqual({ zone: 1, tunnel: 1, 'dns-list': 1, 'config-get': 2 });
  });
});

test('removing a student during an outage of Cloudflare succeeds at once; the rest is removed after it', async () => {
  await withRig({ callTimeoutMs: 300 }, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    mock.faults.next({}, 'reset-before', 1000);
    await rig.unregister('alice');
    expect(rig.records()).toHaveLength(1);
    await rig.stop();
    const second = another({ disk: rig.disk });
    await second.start();
    await waitForRig(second, 'a failure', () => second.runsEnded > 0);
    mock.faults.clear();
    // No student is registered: the daemon retries automatically.
    await waitForRig(
      second,
      'all to be gone',
      () => second.records().length === 0 && second.rules().length === 1,
    );
  });
});

test('a daemon that goes ends the call that runs, writes nothing more, and the next one finishes', async () => {
  await withRig({ dns: 'session', mock: { latency: { ms: 300 } } }, async ({ mock, rig, another }) => {
    await startWith(rig, ['alice']);
    const from = mock.calls.length;
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the batch to be on its way', () => mock.calls.length > from);
    await rig.stop();
    expect(countsSince(mock, from)).toEqual({ 'dns-batch': 1 });
    expect(mock.calls.at(-1)?.status).toBe(200);
    const second = another({ disk: rig.disk, callTimeoutMs: 500 });
    second.registerStudent('alice');
    second.setDesired('alice', true);
    await second.start();
    await waitForRig(second, 'alice to be open', () => second.phase('alice') === 'open');
  });
});
