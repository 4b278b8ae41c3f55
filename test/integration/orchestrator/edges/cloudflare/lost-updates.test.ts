/** A write of another writer between our read and our write is reported; what it writes afterwards is kept. */
import type { MockCloudflare } from '../../../../cloudflare/index.ts';
import {
  countsSince,
  DNS_MODES,
  setAll,
  startWith,
  waitForRig,
  withRig,
} from '../../../../support/with-rig.ts';

const theirs = (name: string) => ({ hostname: `${name}.example.com`, service: 'http://10.0.0.9:80' });

function addTheirs(mock: MockCloudflare, name: string): void {
  mock.foreign.putConfig((config) => ({ ...config, ingress: [theirs(name), ...config.ingress] }));
}

/** Writes of another writer in that phase of our PUTs, one for each name. */
function interfere(mock: MockCloudflare, phase: 'before' | 'applied', names: string[]): void {
  mock.onCall = (call, now) => {
    if (call.kind !== 'config-put' || now !== phase) return;
    const name = names.shift();
    if (name !== undefined) addTheirs(mock, name);
  };
}

test('a write between our GET and our PUT is reported with the versions, in the log and by `doctor`; our rule stays', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    addTheirs(mock, 'shop');
    interfere(mock, 'before', ['gone']);
    const from = mock.calls.length;
    await setAll(rig, 'open', ['alice']);
    const loud = rig.log.lines().filter(({ level }) => level >= 50);
    expect(loud).toHaveLength(1);
    expect(loud[0]).toMatchObject({
      read: 1,
      now: 3,
      msg: expect.stringMatching(/read version 1, Cloudflare has version 3\).*may be lost/),
    });
    expect(countsSince(mock, from)).toEqual({ 'config-get': 2, 'config-put': 1 });
    expect(rig.rules()).toEqual([
      'shop.example.com → http://10.0.0.9:80',
      'alice.example.com → http://127.0.0.1:3001',
      '* → http_status:404',
    ]);
    const found = (await rig.edge.diagnose()).find(({ subject }) => subject === 'Lost updates');
    expect(found).toMatchObject({ ok: false, found: expect.stringMatching(/between versions 1 and 3/) });
    expect(rig.problem('alice')).toBeNull();
    addTheirs(mock, 'gone');
    await setAll(rig, 'closed', ['alice']);
    expect(rig.rules()).toEqual([
      'gone.example.com → http://10.0.0.9:80',
      'shop.example.com → http://10.0.0.9:80',
      '* → http_status:404',
    ]);
  });
});

test('another writer overwrites ours right after our PUT: ours is merged again at the next reconcile, theirs is kept', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    mock.foreign.putConfig(() => ({ ingress: [theirs('shop'), { service: 'http_status:404' }] }));
    expect(await rig.reconciler.reconcile(true)).toMatchObject([
      { hostname: 'alice.example.com', found: 'no rule' },
    ]);
    expect(rig.rules()).toEqual([
      'shop.example.com → http://10.0.0.9:80',
      'alice.example.com → http://127.0.0.1:3001',
      '* → http_status:404',
    ]);
    expect(rig.log.text()).not.toMatch(/another writer wrote/);
  });
});

test('a write that arrives before the answer to ours is seen when it is read again', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    interfere(mock, 'applied', ['shop']);
    await setAll(rig, 'open', ['alice']);
    await setAll(rig, 'open', ['bob']);
    expect(rig.rules()).toContain('shop.example.com → http://10.0.0.9:80');
    expect(rig.log.text()).not.toMatch(/another writer wrote/);
  });
});

test('another writer that never stops blocks nothing: a few tries, then a problem, and it works when they stop', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    let writes = 0;
    mock.onCall = (call, phase) => {
      // Everything else goes, so that ours is never there when it is read again.
      if (call.kind === 'config-get' && phase === 'before' && writes < 20) {
        writes += 1;
        mock.foreign.putConfig(() => ({ ingress: [theirs(`w${writes}`), { service: 'http_status:404' }] }));
      }
      if (call.kind === 'config-put' && phase === 'before') addTheirs(mock, 'between');
    };
    const from = mock.calls.length;
    rig.setDesired('alice', true);
    await waitForRig(rig, 'the message', () => rig.problem('alice') !== null);
    expect(rig.problem('alice')?.what).toMatch(/another writer keeps writing/);
    expect(countsSince(mock, from)['config-put']).toBeLessThanOrEqual(5);
    mock.onCall = null;
    await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
  });
});

test('an unknown outcome beside another writer’s write is no loss where ours was not applied', async () => {
  await withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    interfere(mock, 'before', ['shop']);
    mock.faults.next({ kind: 'config-put' }, 'reset-before');
    await setAll(rig, 'open', ['alice']);
    expect(rig.rules()).toContain('shop.example.com → http://10.0.0.9:80');
    expect(rig.log.text()).not.toMatch(/another writer wrote/);
  });
});

test.each(DNS_MODES)(
  'with dns: %s, a rule that takes the name beside a PUT of ours that came to nothing stays theirs, and is named',
  async (dns) => {
    await withRig({ dns, callTimeoutMs: 300 }, async ({ mock, rig }) => {
      await startWith(rig, dns === 'session' ? ['alice'] : []);
      mock.faults.next({ kind: 'config-put' }, 'reset-before');
      mock.onCall = (call, phase) => {
        if (call.kind !== 'config-put' || phase !== 'before') return;
        mock.onCall = null;
        mock.foreign.putConfig((config) => ({
          ...config,
          ingress: [{ ...theirs('alice'), originRequest: { noTLSVerify: true } }, ...config.ingress],
        }));
      };
      if (dns === 'student') rig.registerStudent('alice');
      rig.setDesired('alice', true);
      await waitForRig(rig, 'the conflict', () => rig.problem('alice')?.code === 'conflict');
      await rig.whenIdle();
      await rig.reconciler.reconcile(true);
      expect(mock.account.tunnel.config).toEqual({
        ingress: [
          { ...theirs('alice'), originRequest: { noTLSVerify: true } },
          { service: 'http_status:404' },
        ],
      });
      expect(rig.problem('alice')?.what).toMatch(/not devenv's: it forwards to http:\/\/10\.0\.0\.9:80/);
      expect(rig.records()).toEqual([]);
      expect(rig.disk.journalEntries()).toEqual([]);
    });
  },
);

test.each(DNS_MODES)(
  'with dns: %s, a rule that takes the name right after a PUT of ours stays theirs, and our rule and record are removed',
  async (dns) => {
    await withRig({ dns }, async ({ mock, rig }) => {
      await startWith(rig, dns === 'session' ? ['alice'] : []);
      mock.onCall = (call, phase) => {
        if (call.kind !== 'config-put') return;
        // A write between our GET and our PUT makes this run read the document again.
        if (phase === 'before') return addTheirs(mock, 'gone');
        mock.onCall = null;
        mock.foreign.putConfig((config) => ({
          ...config,
          ingress: config.ingress.toSpliced(1, 0, theirs('alice')),
        }));
      };
      if (dns === 'student') rig.registerStudent('alice');
      rig.setDesired('alice', true);
      await waitForRig(rig, 'the conflict', () => rig.problem('alice')?.code === 'conflict');
      await rig.whenIdle();
      expect(rig.rules()).toEqual(['alice.example.com → http://10.0.0.9:80', '* → http_status:404']);
      expect(rig.records()).toEqual([]);
      expect(rig.disk.journalEntries()).toEqual([]);
      mock.foreign.putConfig(() => ({ ingress: [{ service: 'http_status:404' }] }));
      await rig.reconciler.reconcile(true);
      await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
      expect(rig.problem('alice')).toBeNull();
    });
  },
);
