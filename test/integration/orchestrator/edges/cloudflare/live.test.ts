/** Live means that a connector has the rule and the environment answers; else it is said how far it got and what to check. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Confirmation } from '../../../../../orchestrator/edges/edge.ts';
import { linkFingerprint } from '../../../../../orchestrator/protocol/link-fingerprint.ts';
import { MockConnector } from '../../../../cloudflare/index.ts';
import { ownRoute } from '../../../../support/own-route.ts';
import { lastCall, type RigBench, setAll, startWith, withRig } from '../../../../support/with-rig.ts';

const identity = (student: string) =>
  JSON.stringify({ fingerprint: linkFingerprint('lab', student, `${student}.example.com`), isServing: true });

/** Replaces alice's relay: answers with its identity, or with what a test sets. */
async function relay(answer = identity('alice')): Promise<Server & { port: number }> {
  const server = createServer((_request, response) => void response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

const servers: Server[] = [];
const connectors: MockConnector[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await Promise.all(connectors.splice(0).map((connector) => connector.stop()));
});

async function openAlice({ rig }: RigBench, answer?: string): Promise<number> {
  const server = await relay(answer);
  servers.push(server);
  rig.registerStudent('alice', server.port);
  await startWith(rig, []);
  await setAll(rig, 'open', ['alice']);
  return server.port;
}

const confirm = ({ rig }: RigBench, port: number, patienceMs = 800): Promise<Confirmation> =>
  rig.edge.confirm(
    { ...ownRoute('alice'), hostname: 'alice.example.com', origin: `http://127.0.0.1:${port}` },
    AbortSignal.timeout(patienceMs),
  );

const connectionsCalls = ({ mock }: RigBench) =>
  mock.calls.filter(({ kind }) => kind === 'connections').length;

test('by the API: live when a connector has the version, within few calls', async () => {
  await withRig({ mock: { connectorDelayMs: 300 } }, async (bench) => {
    const port = await openAlice(bench);
    expect(await confirm(bench, port, 10_000)).toEqual({ kind: 'live' });
    const [rule, knownLive] = [lastCall(bench.mock, 'config-put'), lastCall(bench.mock, 'connections')];
    expect((knownLive.endedAt ?? 0) - rule.startedAt).toBeGreaterThan(300);
    expect(connectionsCalls(bench)).toBeLessThanOrEqual(4);
    // Known from now on: another question needs no call.
    const before = connectionsCalls(bench);
    expect(await confirm(bench, port)).toEqual({ kind: 'live' });
    expect(connectionsCalls(bench)).toBe(before);
  });
});

test('a live link is checked again without a call, and is not live once its environment does not answer', async () => {
  await withRig({}, async (bench) => {
    const port = await openAlice(bench);
    const { rig, mock } = bench;
    const recheck = (origin: number, timeoutMs: number) =>
      rig.edge.recheck(
        { ...ownRoute('alice'), hostname: 'alice.example.com', origin: `http://127.0.0.1:${origin}` },
        AbortSignal.timeout(timeoutMs),
      );
    const calls = mock.calls.length;
    expect(await recheck(port, 10_000)).toEqual({ kind: 'live' });
    expect(await recheck(1, 800)).toMatchObject({
      kind: 'not-live',
      problem: { what: expect.stringMatching(/ECONNREFUSED/), next: expect.stringMatching(/restart alice/) },
    });
    expect(mock.calls).toHaveLength(calls);
  });
});

test('by the metrics: live when cloudflared says so, without a call of the API', async () => {
  await withRig({ mock: { connectorDelayMs: 200 } }, async (bench) => {
    const connector = await MockConnector.start(bench.mock.account);
    connectors.push(connector);
    const rig = bench.another({ metrics: connector.metricsAddress });
    const port = await openAlice({ ...bench, rig });
    expect(await confirm({ ...bench, rig }, port, 10_000)).toEqual({ kind: 'live' });
    expect(connectionsCalls(bench)).toBe(0);
  });
});

const words: {
  what: string;
  prepare?(bench: RigBench): void;
  answer?: string;
  says: RegExp;
  next: RegExp;
}[] = [
  {
    what: 'no connector at all',
    prepare: ({ mock }) => mock.account.tunnel.removeConnectors(),
    says: /No connector \(cloudflared\) is connected/,
    next: /Run cloudflared on the host/,
  },
  {
    what: 'a connector that is behind',
    prepare({ mock }) {
      for (const connector of mock.account.connectors) connector.delayMs = Number.POSITIVE_INFINITY;
    },
    says: /has the link since version 1, the connector still runs with version 0/,
    next: /check cloudflared’s log/,
  },
  {
    what: 'a connector that can’t be asked',
    prepare: ({ mock }) => mock.faults.next({ kind: 'connections' }, 'server-error', 100),
    says: /whether the connector does could not be asked: .*\(10002\)/,
    next: /DEVENV_CONNECTOR_METRICS/,
  },
  {
    what: 'an environment of another student',
    answer: identity('bob'),
    says: /does not answer.*another student/,
    next: /devenv restart alice/,
  },
  {
    what: 'an answer that is not an identity',
    answer: 'null',
    says: /does not answer.*an answer that is not an identity/,
    next: /devenv restart alice/,
  },
  {
    what: 'an answer without end',
    answer: 'x'.repeat(1 << 20),
    says: /alice's environment does not answer/,
    next: /devenv restart alice/,
  },
];

test('a link that is not live says how far it got and what to check', async () => {
  const told = words.map(async ({ what, prepare, answer, says, next }) => {
    await withRig({}, async (bench) => {
      prepare?.(bench);
      const port = await openAlice(bench, answer);
      const problem = { code: 'edge', what: expect.stringMatching(says), next: expect.stringMatching(next) };
      expect([what, await confirm(bench, port)]).toMatchObject([what, { kind: 'not-live', problem }]);
      expect(connectionsCalls(bench)).toBeLessThanOrEqual(6);
    });
  });
  await Promise.all(told);
});

test('metrics that do not answer, and an environment that is not there', async () => {
  await withRig({}, async (bench) => {
    const port = await openAlice(bench);
    const away = await confirm(bench, 1);
    expect(away).toMatchObject({
      kind: 'not-live',
      problem: { what: expect.stringMatching(/ECONNREFUSED/) },
    });
    const rig = bench.another({ metrics: '127.0.0.1:1', disk: bench.rig.disk });
    await bench.rig.stop();
    rig.registerStudent('alice', port);
    rig.setDesired('alice', true);
    await startWith(rig, []);
    await setAll(rig, 'open', ['alice']);
    expect(await confirm({ ...bench, rig }, port, 400)).toMatchObject({
      kind: 'not-live',
      problem: { what: expect.stringMatching(/no metrics at 127\.0\.0\.1:1/) },
    });
  });
});

test('a link that was refused is not live by a version from before its rule', async () => {
  await withRig({}, async (bench) => {
    const { mock, rig } = bench;
    const { id } = mock.foreign.addRecord({ name: 'alice.example.com', type: 'A', content: '192.0.2.1' });
    const server = await relay();
    servers.push(server);
    rig.registerStudent('alice', server.port);
    await startWith(rig, ['bob']);
    rig.setDesired('alice', true);
    await setAll(rig, 'open', ['bob']);
    expect(await confirm(bench, server.port, 200)).toMatchObject({
      kind: 'not-live',
      problem: { what: expect.stringMatching(/does not have/) },
    });
    for (const connector of mock.account.connectors) connector.delayMs = Number.POSITIVE_INFINITY;
    mock.foreign.removeRecord(id);
    await rig.reconciler.reconcile(true);
    expect(rig.phase('alice')).toBe('open');
    expect(await confirm(bench, server.port, 600)).toMatchObject({
      kind: 'not-live',
      problem: { what: expect.stringMatching(/since version 2/) },
    });
  });
});

test('a class of 30 without a connector sends few calls, and all are live when it is back', async () => {
  await withRig({}, async (bench) => {
    bench.mock.account.tunnel.removeConnectors();
    const port = await openAlice(bench);
    const answers = Array.from({ length: 30 }, () => confirm(bench, port, 8000));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(connectionsCalls(bench)).toBeLessThanOrEqual(6);
    bench.mock.account.tunnel.addConnector(0);
    expect(new Set((await Promise.all(answers)).map(({ kind }) => kind))).toEqual(new Set(['live']));
  });
});
