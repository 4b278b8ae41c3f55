/** The mock's API over real HTTP: credentials, paths, the tunnel's configuration, the rate limit. */
import Cloudflare, { AuthenticationError, BadRequestError, PermissionDeniedError } from 'cloudflare';
import { MockCloudflare, type MockOptions, type TunnelConfig } from '../../../cloudflare/index.ts';
import { type ApiCall, callApi, pathsOf } from '../../../support/mock-api.ts';

let mock: MockCloudflare;
const call = (path: string, options?: ApiCall) => callApi(mock, path, options);
const paths = () => pathsOf(mock);
const sdk = () => new Cloudflare({ apiToken: mock.token, baseURL: mock.baseUrl, maxRetries: 0 });

async function restart(options: MockOptions): Promise<void> {
  await mock.stop();
  mock = await MockCloudflare.start(options);
}

beforeEach(async () => {
  mock = await MockCloudflare.start();
});
afterEach(() => mock.stop());

const CATCH_ALL = { service: 'http_status:404' };
const putConfig = (config: unknown) => call(paths().configuration, { method: 'PUT', body: { config } });

describe('the configuration', () => {
  test('is null on a new tunnel, and every accepted PUT increases its version, even an equal one', async () => {
    expect((await call(paths().configuration)).body.result).toEqual({
      tunnel_id: mock.tunnelId,
      version: 0,
      config: null,
      source: 'cloudflare',
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    for (const version of [1, 2]) {
      expect((await putConfig({ ingress: [CATCH_ALL] })).body.result).toMatchObject({ version });
      expect((await call(paths().configuration)).body.result).toMatchObject({
        version,
        config: { ingress: [CATCH_ALL] },
      });
    }
  });

  test('is returned exactly as it was written, with fields that the SDK does not know', async () => {
    const document =
      '{"warp-routing":{"enabled":true},"ingress":[{"service":"http://127.0.0.1:3001","originRequest":{"httpHostHeader":"x","noTLSVerify":true},"id":"7","hostname":"a.example.com","path":"^/api"},{"service":"http_status:404"}],"originRequest":{"connectTimeout":10}}';
    const put = await call(paths().configuration, { method: 'PUT', body: `{"config":${document}}` });
    expect(put.status).toBe(200);
    expect((await call(paths().configuration)).text).toContain(`"config":${document}`);
  });

  const rule = { hostname: 'a.example.com', service: 'http://127.0.0.1:3001' };
  test.each<[string, number, unknown]>([
    ['no ingress', 1056, {}],
    ['no rules', 1056, { ingress: [] }],
    ['no catch-all at the end', 1056, { ingress: [rule] }],
    ['a path in the last rule', 1056, { ingress: [{ ...CATCH_ALL, path: '/x' }] }],
    ['a rule after the catch-all', 1056, { ingress: [CATCH_ALL, rule, CATCH_ALL] }],
    ['a wildcard in the middle', 1056, { ingress: [{ ...rule, hostname: 'a.*.com' }, CATCH_ALL] }],
    ['a port in the hostname', 1056, { ingress: [{ ...rule, hostname: 'a.com:80' }, CATCH_ALL] }],
    ['a service without a scheme', 1056, { ingress: [{ ...rule, service: '127.0.0.1:3' }, CATCH_ALL] }],
    ['a service with a path', 1056, { ingress: [{ ...rule, service: 'http://a/b' }, CATCH_ALL] }],
    ['an invalid status', 1056, { ingress: [{ service: 'http_status:4043' }] }],
    ['a path that is not a regular expression', 1056, { ingress: [{ ...rule, path: '(' }, CATCH_ALL] }],
    ['an unknown field', 9207, { ingress: [CATCH_ALL], routing: {} }],
    ['an unknown field of a rule', 9207, { ingress: [{ ...CATCH_ALL, comment: 'x' }] }],
    ['an unknown origin setting', 9207, { ingress: [CATCH_ALL], originRequest: { hostHeader: 'x' } }],
    ['a wrong type', 9207, { ingress: [{ ...rule, path: 1 }, CATCH_ALL] }],
    ['a rule without a service', 9207, { ingress: [{ hostname: 'a.example.com' }, CATCH_ALL] }],
    ['null', 9207, null],
  ])('is refused with %s, and nothing changes', async (_what, code, config) => {
    expect(await putConfig(config)).toMatchObject({ status: 400, code, body: { success: false } });
    expect(mock.account.tunnel.version).toBe(0);
    expect(mock.calls.at(-1)).toMatchObject({ kind: 'config-put', status: 400, applied: false });
  });

  test('of a foreign writer increases the version too, and is checked in the same way', async () => {
    mock.foreign.putConfig((config) => ({ ...config, 'warp-routing': { enabled: true } }));
    expect((await call(paths().configuration)).body.result).toMatchObject({
      version: 1,
      config: { ingress: [CATCH_ALL], 'warp-routing': { enabled: true } },
    });
    const wrong = (config: TunnelConfig) => ({ ...config, ingress: [] });
    expect(() => mock.foreign.putConfig(wrong)).toThrow(/1056/);
    expect(mock.account.tunnel.version).toBe(1);
  });
});

describe('a call is refused', () => {
  const other = 'f'.repeat(32);
  test('without a token, with a malformed or wrong one, or with a second credential', async () => {
    const bare = await fetch(`${mock.baseUrl}/zones`);
    expect(bare.status).toBe(400);
    expect(await bare.json()).toMatchObject({ errors: [{ code: 9106 }] });
    const basic = { headers: { authorization: 'Basic abc' } };
    expect(await call('/zones', basic)).toMatchObject({ status: 400, code: 6003 });
    expect(await call('/zones', { token: 'wrong' })).toMatchObject({ status: 403, code: 9109 });
    expect(await call('/user/tokens/verify', { token: 'wrong' })).toMatchObject({ status: 401, code: 1000 });
    for (const header of ['X-Auth-Key', 'X-Auth-Email', 'X-Auth-User-Service-Key'])
      expect({ header, ...(await call('/zones', { headers: { [header]: 'other' } })) }).toMatchObject({
        header,
        status: 400,
        code: 6003,
      });
  });

  test('for another account, tunnel or zone, and if the token lacks the scope', async () => {
    const { tunnel, records, zone } = paths();
    expect(await call(tunnel.replace(mock.accountId, other))).toMatchObject({ status: 403, code: 10000 });
    expect(await call(`${tunnel.slice(0, -4)}0000`)).toMatchObject({ status: 404 });
    expect(await call(records.replace(mock.zoneId, other))).toMatchObject({ status: 403, code: 10000 });
    expect(await call(`/zones/${other}`)).toMatchObject({ status: 403, code: 9109 });
    mock.account.scopes.clear();
    for (const path of [tunnel, records])
      expect({ path, ...(await call(path)) }).toMatchObject({ path, status: 403, code: 10000 });
    expect(await call(zone)).toMatchObject({ status: 403, code: 9109 });
    expect((await call('/user/tokens/verify')).status).toBe(200);
  });

  test('for an unknown path, method, parameter or body', async () => {
    const { configuration, records, zone } = paths();
    expect(await call('/zones/nonsense')).toMatchObject({ status: 400, code: 7003 });
    expect(await call(`${zone}/dns`)).toMatchObject({ status: 400, code: 7003 });
    expect((await fetch(mock.baseUrl.replace('/v4', '/v5'))).status).toBe(400);
    expect(await call(configuration, { method: 'PATCH', body: {} })).toMatchObject({ status: 405 });
    expect(await call(configuration, { method: 'DELETE' })).toMatchObject({ status: 405 });
    expect(await call(`${records}?names=a`)).toMatchObject({ status: 400, code: 1004 });
    expect(await call(`${records}?name=a&name=b`)).toMatchObject({ status: 400, code: 1004 });
    expect(await call(`${configuration}?page=1`)).toMatchObject({ status: 400, code: 1004 });
    const put = { method: 'PUT', body: { config: { ingress: [CATCH_ALL] } } };
    expect(await call(configuration, { ...put, body: { ...put.body, version: 3 } })).toMatchObject({
      code: 9207,
    });
    expect(await call(configuration, { ...put, body: '{"config":' })).toMatchObject({ code: 9207 });
    expect(await call(configuration, { ...put, headers: { 'content-type': 'text/plain' } })).toMatchObject({
      code: 9207,
    });
    expect(await call(configuration, { method: 'PUT' })).toMatchObject({ code: 9207 });
    expect(await call(`${records}/${other}`, { method: 'DELETE', body: {} })).toMatchObject({ code: 9207 });
    expect(mock.account.tunnel.version).toBe(0);
  });
});

test('the SDK finds token, zone by name with its plan, tunnel and configuration', async () => {
  const client = sdk();
  expect(await client.user.tokens.verify()).toMatchObject({ status: 'active' });
  const account = { account_id: mock.accountId };
  expect(await client.accounts.tokens.verify(account)).toMatchObject({ status: 'active' });
  const [zone] = (await client.zones.list({ name: mock.zoneName })).result;
  expect(zone).toMatchObject({ id: mock.zoneId, status: 'active', plan: { legacy_id: 'free' } });
  expect((await client.zones.list({ name: 'example.org' })).result).toEqual([]);
  expect(await client.zones.get({ zone_id: mock.zoneId })).toEqual(zone);
  const { cloudflared } = client.zeroTrust.tunnels;
  expect(await cloudflared.get(mock.tunnelId, account)).toMatchObject({
    status: 'healthy',
    config_src: 'cloudflare',
  });
  const config = { ingress: [{ hostname: '', service: 'http_status:404' }] };
  expect(await cloudflared.configurations.update(mock.tunnelId, { ...account, config })).toMatchObject({
    version: 1,
    config,
  });
});

test('the SDK turns refusals into its errors with the same codes', async () => {
  const { cloudflared } = sdk().zeroTrust.tunnels;
  const bad = { account_id: mock.accountId, config: { ingress: [] } };
  const error = await cloudflared.configurations
    .update(mock.tunnelId, bad)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BadRequestError);
  expect(error).toMatchObject({ status: 400, errors: [{ code: 1056 }] });
  const stranger = new Cloudflare({ apiToken: 'wrong', baseURL: mock.baseUrl, maxRetries: 0 });
  await expect(stranger.user.tokens.verify()).rejects.toBeInstanceOf(AuthenticationError);
  await expect(stranger.zones.get({ zone_id: mock.zoneId })).rejects.toBeInstanceOf(PermissionDeniedError);
});

describe('the rate limit', () => {
  test('is in the headers of every response; beyond it, everything is refused until the block ends', async () => {
    let time = 1_800_000_000_000;
    const rateLimit = { requests: 3, windowMs: 10_000, blockMs: 20_000 };
    await restart({ rateLimit, now: () => time });
    for (const left of [2, 1, 0]) {
      const { headers } = await call(paths().zone);
      expect(headers.get('ratelimit')).toBe(`"default";r=${left};t=10`);
      expect(headers.get('ratelimit-policy')).toBe('"default";q=3;w=10');
      expect(headers.has('retry-after')).toBe(false);
    }
    time += 4_500;
    for (const path of [paths().zone, paths().configuration]) {
      const refused = await call(path);
      expect({ path, ...refused }).toMatchObject({ path, status: 429, code: 971 });
      expect(refused.headers.get('retry-after')).toBe('20');
    }
    expect(await putConfig({ ingress: [CATCH_ALL] })).toMatchObject({ status: 429 });
    expect(mock.account.tunnel.version).toBe(0);
    expect(mock.blockedUntil).toBe(time + 20_000);
    time += 19_999;
    expect((await call(paths().zone)).headers.get('retry-after')).toBe('1');
    time += 1;
    expect((await call(paths().zone)).headers.get('ratelimit')).toBe('"default";r=2;t=10');
  });

  test('starts again with each window, and is shared with the user’s dashboard', async () => {
    let time = 1_800_000_000_000;
    await restart({ rateLimit: { requests: 3, windowMs: 10_000, blockMs: 1_000 }, now: () => time });
    await call(paths().zone);
    mock.foreign.spendRequests(2);
    time += 10_000;
    mock.foreign.spendRequests(2);
    expect((await call(paths().zone)).headers.get('ratelimit')).toMatch(/r=0;/);
    mock.foreign.spendRequests(1);
    expect((await call(paths().zone)).status).toBe(429);
    // This block ends before the window would have ended.
    time += 1_000;
    expect((await call(paths().zone)).headers.get('ratelimit')).toBe('"default";r=2;t=10');
  });
});

test('the same seed gives the same ids and token, and every id is well-formed', async () => {
  const twin = await MockCloudflare.start({ seed: mock.seed });
  const { CLOUDFLARE_BASE_URL: _own, ...own } = mock.env();
  const { CLOUDFLARE_BASE_URL: _twins, ...twins } = twin.env();
  await twin.stop();
  expect(twins).toEqual(own);
  for (const id of [mock.accountId, mock.zoneId]) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(mock.tunnelId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
