/** A link is open and live exactly while its rule exists: whichever writer removed it, and however that run ended. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../../../orchestrator/clock.ts';
import { linkFingerprint } from '../../../../../orchestrator/protocol/link-fingerprint.ts';
import { AgentSyncRig, exitedReport, servingReport } from '../../../../support/agent-sync-rig.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import { waitFor } from '../../../../support/wait.ts';
import { type RigBench, setAll, startWith, waitForRig, withRig } from '../../../../support/with-rig.ts';

const OURS = 'alice.example.com → http://127.0.0.1:';

/** Alice is live: her relay answers, and the connector has her rule. */
async function withAliceLive(
  task: (bench: RigBench & { student: AgentSyncRig; port: number }) => Promise<void>,
): Promise<void> {
  const relay = createServer((_request, response) => {
    response.end(
      JSON.stringify({ fingerprint: linkFingerprint('lab', 'alice', 'alice.example.com'), isServing: true }),
    );
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port } = relay.address() as AddressInfo;
  try {
    await withRig({}, async (bench) => {
      await bench.rig.edge.start();
      const student = new AgentSyncRig({
        edge: bench.rig.edge,
        clock: systemClock,
        students: ['alice'],
        firstPort: port,
      });
      try {
        student.agentSync.onReport('alice', servingReport(port));
        await isLive(student);
        await task({ ...bench, student, port });
      } finally {
        await student.routes.stop();
      }
    });
  } finally {
    relay.close();
  }
}

const isLive = ({ routes }: AgentSyncRig) =>
  waitFor('alice to be live', () => routes.view('alice').live, { everyMs: 5 });

const timesSaidLive = ({ states }: AgentSyncRig) =>
  states.get('alice')?.notices.filter(({ text }) => text.includes('live at')).length;

test('a student who returns while the rule is being removed is live when it exists again, and is notified then', () =>
  withAliceLive(async ({ mock, rig, student, port }) => {
    const { agentSync, routes } = student;
    const underWay = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    mock.onCall = async ({ kind }, phase) => {
      if (kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      underWay.resolve();
      await goOn.promise;
    };
    agentSync.onReport('alice', exitedReport());
    await underWay.promise;
    agentSync.onReport('alice', servingReport(port));
    expect(routes.view('alice')).toMatchObject({ phase: 'opening', live: false, problem: null });
    const rules: number[] = [];
    mock.onCall = ({ kind }, phase) => {
      if (kind !== 'config-put' || phase !== 'applied') return;
      rules.push(rig.rules().length);
      expect(routes.view('alice').live).toBe(false);
      expect(timesSaidLive(student)).toBe(1);
    };
    goOn.resolve();
    await isLive(student);
    expect(rules).toEqual([1, 2]);
    expect(timesSaidLive(student)).toBe(2);
  }));

test('a student who returns after a closing of unknown outcome is not live, and learns the reason', () =>
  withAliceLive(async ({ mock, rig, student, port }) => {
    const { agentSync, routes } = student;
    mock.faults.next({ kind: 'config-put' }, 'reset-after');
    mock.onCall = ({ kind }, phase) => {
      if (kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      mock.faults.next({ kind: 'config-get' }, 'reset-before', 100);
    };
    agentSync.onReport('alice', exitedReport());
    await waitFor('the rule to be gone', () => rig.rules().length === 1, { everyMs: 5 });
    agentSync.onReport('alice', servingReport(port));
    expect(routes.view('alice')).toMatchObject({ phase: 'opening', live: false });
    await waitFor('the reason', () => routes.view('alice').problem);
    expect(routes.view('alice')).toMatchObject({
      phase: 'opening',
      live: false,
      problem: { what: expect.stringMatching(/^Cloudflare could not be reached/) },
    });
    mock.faults.clear();
    await isLive(student);
    expect(rig.rules()).toHaveLength(2);
  }));

test('a connector that has an older version does not make a link live whose rule was gone meanwhile', () =>
  withRig({}, async ({ mock, rig }) => {
    const alice = ownRoute('alice', 'alice.example.com', 'http://127.0.0.1:3001');
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    for (const connector of mock.account.connectors) connector.delayMs = Number.POSITIVE_INFINITY;
    mock.faults.next({ kind: 'config-put' }, 'reset-after');
    mock.onCall = ({ kind }, phase) => {
      if (kind !== 'config-put' || phase !== 'before') return;
      mock.onCall = null;
      mock.faults.next({ kind: 'config-get' }, 'reset-before');
      // Back right then: the rule is put there again by the next run.
      rig.setDesired('alice', true);
    };
    rig.setDesired('alice', false);
    await waitForRig(rig, 'the rule to be written again', () => mock.account.tunnel.version === 3);
    await waitForRig(rig, 'alice to be open', () => rig.phase('alice') === 'open');
    expect(await rig.edge.confirm(alice, AbortSignal.timeout(300))).toMatchObject({
      kind: 'not-live',
      problem: { what: expect.stringMatching(/since version 3/) },
    });
  }));

test('a link whose record is lost and can’t be made again is open no longer, and its student hears why', () =>
  withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice', 'bob']);
    const { changes } = rig;
    const from = changes.length;
    mock.foreign.removeRecord(
      mock.account.records.find(({ name }) => name === rig.hostname('alice'))?.id ?? '',
    );
    mock.faults.next({ kind: 'dns-batch' }, 'refused');
    await rig.reconciler.reconcile(true);
    expect(rig.rules()).toEqual([expect.stringMatching(/^bob/), '* → http_status:404']);
    expect(rig.view('alice')).toMatchObject({
      phase: 'opening',
      problem: { what: expect.stringMatching(/does not let this token change the DNS record/) },
    });
    expect(changes.slice(from)).toEqual(['alice']);
    expect(rig.view('bob')).toEqual({ phase: 'open', problem: null });
    await rig.reconciler.reconcile(true);
    expect(rig.view('alice')).toEqual({ phase: 'open', problem: null });
  }));

test('a link whose record has another owner now is closed as soon as its rule is gone', () =>
  withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice', 'bob']);
    await setAll(rig, 'open', ['alice']);
    mock.foreign.changeRecord(
      mock.account.records.find(({ name }) => name === rig.hostname('alice'))?.id ?? '',
      {
        comment: 'mine now',
      },
    );
    await rig.reconciler.reconcile(true);
    expect(rig.rules()).toEqual(['* → http_status:404']);
    const clash = { code: 'conflict' };
    expect(rig.view('alice')).toMatchObject({ phase: 'opening', problem: clash });
    rig.setDesired('alice', false);
    await rig.whenIdle();
    expect(rig.view('alice')).toMatchObject({ phase: 'closed', problem: clash });
    expect(rig.reconciler.changing()).toEqual([]);
    rig.setDesired('alice', true);
    await rig.whenIdle();
    expect(rig.view('alice')).toMatchObject({ phase: 'opening', problem: clash });
  }));

test('a link that could not be closed is still open for a student who returns', () =>
  withRig({}, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    mock.faults.next({ kind: 'config-put' }, 'refused');
    rig.setDesired('alice', false);
    await waitForRig(rig, 'the refusal', () => rig.problem('alice'));
    expect(rig.phase('alice')).toBe('closing');
    rig.setDesired('alice', true);
    expect(rig.view('alice')).toEqual({ phase: 'open', problem: null });
    expect(rig.rules()).toEqual([`${OURS}3001`, '* → http_status:404']);
  }));
