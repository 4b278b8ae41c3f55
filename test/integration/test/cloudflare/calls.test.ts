/** What the mock records of calls, its hook, its latency, and how it stops. */
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import {
  type CallKind,
  type CallPhase,
  MockCloudflare,
  type MockOptions,
} from '../../../cloudflare/index.ts';
import {
  type ApiCall,
  callApi,
  clientView,
  hasEnded,
  pathsOf,
  putConfig,
} from '../../../support/mock-api.ts';
import { waitFor } from '../../../support/wait.ts';

let mock: MockCloudflare;
const call = (path: string, options?: ApiCall) => callApi(mock, path, options);
const put = (options?: ApiCall) => putConfig(mock, options);
const paths = () => pathsOf(mock);
const version = () => mock.account.tunnel.version;

async function restart(options: MockOptions): Promise<void> {
  await mock.stop();
  mock = await MockCloudflare.start(options);
}

beforeEach(async () => {
  mock = await MockCloudflare.start();
});
afterEach(() => mock.stop());

describe('the hook', () => {
  test('sees each phase, and its own writes happen between the phases', async () => {
    const phases: string[] = [];
    mock.onCall = async (each, phase: CallPhase) => {
      await setImmediate();
      phases.push(`${each.kind} ${phase} ${version()}`);
      if (each.kind === 'config-get' && phase === 'applied') mock.foreign.putConfig((config) => config);
    };
    expect((await call(paths().configuration)).body.result).toMatchObject({ version: 0 });
    expect((await put()).body.result).toMatchObject({ version: 2 });
    await waitFor('the last phase', () => phases.length === 6);
    expect(phases).toEqual([
      'config-get before 0',
      'config-get applied 0',
      'config-get answered 1',
      'config-put before 1',
      'config-put applied 2',
      'config-put answered 2',
    ]);
  });

  test('does not see the phase "applied" if a fault prevents it', async () => {
    const phases: CallPhase[] = [];
    mock.onCall = (_call, phase) => phases.push(phase);
    mock.faults.next({}, 'reset-before');
    expect(await clientView(put())).toBe('ECONNRESET');
    await waitFor('the last phase', () => phases.includes('answered'));
    expect(phases).toEqual(['before', 'answered']);
  });
});

test('an error in a hook aborts its call, and stopping the mock rejects with it', async () => {
  mock.onCall = () => {
    throw new Error('not as expected');
  };
  expect(await clientView(put())).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
  await expect(mock.stop()).rejects.toThrow('not as expected');
});

test('a request that does not arrive completely has no effect', async () => {
  const { hostname, port, pathname } = new URL(mock.baseUrl + paths().configuration);
  const socket = connect(Number(port), hostname);
  socket.write(
    `PUT ${pathname} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer ${mock.token}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 58\r\n\r\n{"config":{"ingress":[',
  );
  await waitFor('the call', () => mock.calls.length === 1);
  socket.destroy();
  await waitFor('the end of the call', () => hasEnded(mock, 0));
  expect(mock.calls).toMatchObject([{ applied: false, abandoned: true, status: null }]);
});

test('half of the latency lies before the effect of a call and half after it', async () => {
  const [minHalfMs, timerErrorMs] = [75, 2];
  await restart({ latency: { ms: 200, jitterMs: 50 } });
  const times: Partial<Record<CallPhase, number>> = {};
  mock.onCall = (_call, phase) => {
    times[phase] = performance.timeOrigin + performance.now();
  };
  await put();
  await waitFor('the last phase', () => times.answered);
  const { before = 0, applied = 0 } = times;
  const { startedAt = 0, endedAt } = mock.calls[0] ?? {};
  expect(before - startedAt).toBeGreaterThan(minHalfMs - timerErrorMs);
  expect((endedAt ?? 0) - applied).toBeGreaterThan(minHalfMs - timerErrorMs);
});

test('two writes in flight at the same time are recorded as an overlap, a write and a read are not', async () => {
  const arrived = (kind: CallKind) => mock.calls.some((each) => each.kind === kind);
  mock.onCall = async ({ kind }, phase) => {
    if (kind !== 'config-put' || phase !== 'applied') return;
    await waitFor('the other calls to arrive', () => arrived('config-get') && arrived('dns-write'));
  };
  const first = put();
  await waitFor('the first write to arrive', () => arrived('config-put'));
  const read = call(paths().configuration);
  const second = call(paths().records, { body: { type: 'A', name: 'a', content: '192.0.2.1' } });
  await Promise.all([first, second, read]);
  const overlaps = () => mock.overlaps.map((each) => [each.first.kind, each.second.kind]);
  expect(overlaps()).toEqual([['config-put', 'dns-write']]);
  await put();
  expect(overlaps()).toHaveLength(1);
});

test('stopping aborts calls in flight, and can be repeated', async () => {
  mock.faults.next({}, 'timeout');
  const waiting = clientView(put());
  await waitFor('the call', () => mock.calls.length === 1);
  await mock.stop();
  await mock.stop();
  expect(await waiting).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
  expect(() => mock.baseUrl).toThrow(/stopped/);
});
