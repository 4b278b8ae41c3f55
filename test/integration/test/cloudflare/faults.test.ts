/** The mock's faults: what the client sees, and whether the call took effect. */
import Cloudflare, { InternalServerError } from 'cloudflare';
import {
  ALL_FAULTS,
  type Fault,
  MockCloudflare,
  type MockOptions,
  seededRandom,
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

interface Outcome {
  applied: boolean;
  status: number | null;
  /** Whether the client closed the connection before the response. */
  abandoned?: boolean;
}

test.each<[Fault, string, Outcome]>([
  ['refused', '403 10000', { applied: false, status: 403 }],
  ['server-error', '500 10002', { applied: false, status: 500 }],
  [{ kind: 'server-error', applied: true }, '500 10002', { applied: true, status: 500 }],
  ['rate-limited', '429 971', { applied: false, status: 429 }],
  [{ kind: 'rate-limited', bare: true }, 'no JSON', { applied: false, status: 429 }],
  ['html', 'no JSON', { applied: false, status: 502 }],
  [{ kind: 'html', applied: true, status: 200 }, 'no JSON', { applied: true, status: 200 }],
  ['timeout', 'AbortError', { applied: false, status: null, abandoned: true }],
  [{ kind: 'timeout', applied: true }, 'AbortError', { applied: true, status: null, abandoned: true }],
  ['reset-before', 'ECONNRESET', { applied: false, status: null }],
  ['reset-after', 'ECONNRESET', { applied: true, status: null }],
  ['bad-json', 'no JSON', { applied: true, status: 200 }],
  ['stalled-body', 'AbortError', { applied: false, status: 200, abandoned: true }],
  [{ kind: 'stalled-body', applied: true }, 'AbortError', { applied: true, status: 200, abandoned: true }],
  ['broken-body', 'UND_ERR_SOCKET', { applied: true, status: 200 }],
  [{ kind: 'slow', ms: 1 }, '200 null', { applied: true, status: 200 }],
])('the client sees the fault %j as %s', async (fault, expected, outcome) => {
  mock.faults.next({}, fault);
  const client = new AbortController();
  const result = clientView(put({ signal: client.signal }));
  if (expected === 'AbortError') {
    // Nothing more will come: the client gives up.
    await waitFor('the mock to apply the fault', () => mock.calls[0]?.fault);
    client.abort();
  }
  expect(await result).toBe(expected);
  await waitFor('the end of the call', () => hasEnded(mock, 0));
  expect(version()).toBe(outcome.applied ? 1 : 0);
  const kind = typeof fault === 'string' ? fault : fault.kind;
  expect(mock.calls).toMatchObject([{ kind: 'config-put', fault: kind, abandoned: false, ...outcome }]);
  expect(await clientView(put())).toBe('200 null');
});

test('a fault after the call took effect does not make an invalid call valid', async () => {
  mock.faults.next({}, 'reset-after');
  expect(await clientView(put({ body: { config: { ingress: [] } } }))).toBe('ECONNRESET');
  expect(mock.calls).toMatchObject([{ applied: false }]);
});

test('an HTML page and a 429 have their headers', async () => {
  mock.faults.next({}, 'html');
  const options = { headers: { authorization: `Bearer ${mock.token}` } };
  const page = await fetch(mock.baseUrl + paths().zone, options);
  expect(page.headers.get('content-type')).toBe('text/html');
  expect(await page.text()).toContain('<h1>502 Bad Gateway</h1>');
  mock.faults.next({}, { kind: 'rate-limited', retryAfter: 7 });
  expect((await call(paths().zone)).headers.get('retry-after')).toBe('7');
  for (const [retryAfter, expected] of [
    ['1e300', '1e300'],
    [null, null],
  ] as const) {
    mock.faults.next({}, { kind: 'rate-limited', bare: true, retryAfter });
    const bare = await fetch(mock.baseUrl + paths().zone, options);
    expect([bare.status, bare.headers.get('retry-after')]).toEqual([429, expected]);
    expect(await bare.text()).toContain('<h1>429 Too Many Requests</h1>');
  }
});

test('the head and the beginning of a stalled or broken body arrive', async () => {
  const options = { headers: { authorization: `Bearer ${mock.token}` } };
  for (const kind of ['stalled-body', 'broken-body'] as const) {
    mock.faults.next({}, { kind });
    const { status, body } = await fetch(mock.baseUrl + paths().zone, options);
    const reader = body?.getReader();
    expect([status, new TextDecoder().decode((await reader?.read())?.value)]).toEqual([
      200,
      expect.stringMatching(/^\{"success":true,/),
    ]);
    let state: 'silent' | 'more' | 'broken' = 'silent';
    const rest = reader?.read().then(
      () => {
        state = 'more';
      },
      () => {
        state = 'broken';
      },
    );
    // A stalled call has no end to wait for: another call's full round trip shows that nothing more was sent.
    if (kind === 'stalled-body') expect((await call(paths().zone)).status).toBe(200);
    else await rest;
    expect(state).toBe(kind === 'stalled-body' ? 'silent' : 'broken');
    await reader?.cancel().catch(() => undefined);
  }
});

test('a fault applies to the calls that match it, as often as requested', async () => {
  mock.faults.next({ kind: 'config-put' }, 'refused', 2);
  mock.faults.next({ path: '/dns_records', method: 'POST' }, 'server-error');
  mock.faults.next({ path: /\/zones\/[0-9a-f]+$/ }, 'html');
  expect(mock.faults.pending).toBe(4);
  expect((await call(paths().configuration)).status).toBe(200);
  expect((await call(paths().records)).status).toBe(200);
  expect((await put()).status).toBe(403);
  expect((await put()).status).toBe(403);
  expect((await put()).status).toBe(200);
  expect((await call(paths().records, { body: {} })).status).toBe(500);
  expect(await clientView(call(paths().zone))).toBe('no JSON');
  expect(mock.faults.pending).toBe(0);
  mock.faults.next({}, 'refused');
  mock.faults.clear();
  expect((await put()).status).toBe(200);
});

test('random faults have the requested probability, are of every kind, and repeat with the same seed', async () => {
  const among = ALL_FAULTS.filter(({ kind }) => kind !== 'timeout' && kind !== 'stalled-body');
  const [first, ...others] = among;
  if (first === undefined) throw new Error('no faults');
  const run = async (probability: number, seed: number) => {
    await restart({ seed: 1 });
    mock.faults.random(probability, seededRandom(seed), [first, ...others]);
    for (let count = 0; count < 200; count += 1) await clientView(put());
    return mock.calls.map(({ fault }) => fault);
  };
  const drawn = await run(0.5, 11);
  expect(drawn.filter((fault) => fault !== null).length).toBeGreaterThan(60);
  expect(drawn.filter((fault) => fault !== null).length).toBeLessThan(140);
  expect(new Set(drawn)).toEqual(new Set([null, ...among.map(({ kind }) => kind)]));
  expect(await run(0.5, 11)).toEqual(drawn);
  expect(new Set(await run(0, 11))).toEqual(new Set([null]));
});

test('a slow call takes effect even if the client has given up or was killed', async () => {
  const client = new AbortController();
  mock.onCall = async (each, phase) => {
    if (phase !== 'before') return;
    client.abort();
    await waitFor('the mock to notice', () => each.abandoned);
    expect(version()).toBe(0);
  };
  mock.faults.next({}, { kind: 'slow', ms: 20 });
  expect(await clientView(put({ signal: client.signal }))).toBe('AbortError');
  await waitFor('the write to take effect', () => version() === 1);
  await waitFor('the end of the call', () => hasEnded(mock, 0));
  expect(mock.calls).toMatchObject([{ applied: true, abandoned: true, status: null }]);
});

test('the SDK repeats a call that may have taken effect, and the mock records it', async () => {
  const sdk = new Cloudflare({ apiToken: mock.token, baseURL: mock.baseUrl, maxRetries: 1 });
  mock.faults.next({}, { kind: 'server-error', applied: true });
  const config = { ingress: [{ hostname: '', service: 'http_status:404' }] };
  const { cloudflared } = sdk.zeroTrust.tunnels;
  await cloudflared.configurations.update(mock.tunnelId, { account_id: mock.accountId, config });
  expect(version()).toBe(2);
  expect(mock.calls.map(({ retry }) => retry)).toEqual([0, 1]);
  mock.faults.next({}, 'server-error');
  const once = sdk.withOptions({ maxRetries: 0 });
  await expect(once.zones.get({ zone_id: mock.zoneId })).rejects.toBeInstanceOf(InternalServerError);
});
