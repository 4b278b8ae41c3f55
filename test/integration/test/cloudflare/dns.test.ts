/** The mock's DNS records over real HTTP: single records, lists, and refusals. */
import Cloudflare from 'cloudflare';
import { MockCloudflare, type MockOptions, type NewRecord } from '../../../cloudflare/index.ts';
import { type ApiCall, callApi, pathsOf } from '../../../support/mock-api.ts';

let mock: MockCloudflare;
const records = () => pathsOf(mock).records;
const call = (path: string, options?: ApiCall) => callApi(mock, path, options);
const post = (body: unknown) => call(records(), { body });

const cname = (label: string, more: Partial<NewRecord> = {}): NewRecord => ({
  type: 'CNAME',
  name: `${label}.example.com`,
  content: mock.account.tunnelHostname,
  proxied: true,
  ...more,
});
const named = (label: string) => mock.account.dns.withName(`${label}.example.com`)[0]?.id ?? '';
const names = () => mock.account.records.map(({ name }) => name.replace('.example.com', '')).sort();

async function restart(options: MockOptions): Promise<void> {
  await mock.stop();
  mock = await MockCloudflare.start(options);
}

beforeEach(async () => {
  mock = await MockCloudflare.start();
});
afterEach(() => mock.stop());

describe('one record', () => {
  test('is created, read, changed, replaced and deleted', async () => {
    const created = await post(cname('Alice', { comment: 'devenv: alice' }));
    const record = {
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: 'alice.example.com',
      type: 'CNAME',
      content: mock.account.tunnelHostname,
      proxied: true,
      proxiable: true,
      ttl: 1,
      comment: 'devenv: alice',
      tags: [],
      settings: {},
    };
    expect(created).toMatchObject({ status: 200, body: { success: true, result: record } });
    const path = `${records()}/${named('alice')}`;
    expect((await call(path)).body.result).toMatchObject(record);

    const patched = await call(path, { method: 'PATCH', body: { comment: 'changed' } });
    expect(patched.body.result).toMatchObject({ ...record, comment: 'changed' });
    const replaced = await call(path, { method: 'PUT', body: cname('bob') });
    expect(replaced.body.result).toMatchObject({ ...record, name: 'bob.example.com', comment: null });
    expect(names()).toEqual(['bob']);

    expect((await call(path, { method: 'DELETE' })).body.result).toEqual({ id: path.slice(-32) });
    expect(mock.account.records).toEqual([]);
    for (const method of ['GET', 'DELETE']) {
      const { status, code } = await call(path, { method });
      expect({ method, status, code }).toEqual({ method, status: 404, code: 81044 });
    }
    expect(await call(path, { method: 'PATCH', body: {} })).toMatchObject({ status: 404, code: 81044 });
    expect(mock.calls.map(({ kind, applied }) => `${kind} ${applied}`)).toEqual([
      'dns-write true',
      'dns-get false',
      ...['dns-write true', 'dns-write true', 'dns-write true'],
      ...['dns-get false', 'dns-write false', 'dns-write false'],
    ]);
  });

  test('has a name in the zone: other names are relative to it, @ is the zone itself', async () => {
    for (const name of ['@', 'www', '*.deep', 'example.org']) {
      const { status } = await post({ type: 'A', name, content: '192.0.2.1' });
      expect({ name, status }).toEqual({ name, status: 200 });
    }
    expect(mock.account.records.map(({ name }) => name)).toEqual([
      'example.com',
      'www.example.com',
      '*.deep.example.com',
      'example.org.example.com',
    ]);
  });

  const a = { type: 'A', name: 'x', content: '192.0.2.1' };
  test.each<[string, number, object]>([
    ['no content', 9207, { type: 'A', name: 'x' }],
    ['an unknown field', 9207, { ...a, owner: 'me' }],
    ['a wrong type of field', 9207, { ...a, proxied: 'yes' }],
    ['an unknown setting', 9207, { ...a, settings: { flatten: true } }],
    ['a priority on a type without one', 9207, { ...a, priority: 1 }],
    ['an unknown type', 1004, { ...a, type: 'ALIAS' }],
    ['a bad name', 9000, { ...a, name: 'a b' }],
    ['a label that is too long', 9000, { ...a, name: 'x'.repeat(64) }],
    ['an invalid IPv4 address', 9005, { ...a, content: '192.0.2' }],
    ['an invalid IPv6 address', 9006, { ...a, type: 'AAAA' }],
    ['an invalid hostname as content', 9007, { ...a, type: 'CNAME', content: 'a_b c' }],
    ['its own name as content', 9039, { ...a, type: 'CNAME', content: 'x.example.com' }],
    ['no priority', 9101, { ...a, type: 'MX', content: 'mail.example.com' }],
    ['a proxy on a type without one', 9004, { ...a, type: 'TXT', proxied: true }],
    ['a TTL that is too short', 9021, { ...a, ttl: 30 }],
    ['a tag, on Free', 9300, { ...a, tags: ['owner:me'] }],
    ['a comment of 101 characters, on Free', 9313, { ...a, comment: 'x'.repeat(101) }],
  ])('is refused with %s', async (_what, code, body) => {
    expect(await post(body)).toMatchObject({ status: 400, code });
    expect(mock.account.records).toEqual([]);
  });

  test('can have a comment of 100 characters on Free and 500 on paid', async () => {
    expect((await post({ ...a, comment: '€'.repeat(100) })).status).toBe(200);
    await restart({ plan: 'paid' });
    expect((await post({ ...a, comment: 'x'.repeat(500) })).status).toBe(200);
    expect(await post({ ...a, name: 'y', comment: 'x'.repeat(501) })).toMatchObject({ code: 9313 });
  });

  test('that is a CNAME must be alone with its name; the error code is one of four', async () => {
    const codes = new Set<number | null>();
    await post({ ...a, name: 'a' });
    await post(cname('c'));
    for (let round = 0; round < 8; round += 1) {
      const conflicting = [cname('a'), cname('c'), { ...a, name: 'c' }, { ...a, name: 'a' }];
      for (const body of [...conflicting, { type: 'TXT', name: 'c', content: 'x' }]) {
        const refused = await post(body);
        expect({ body, status: refused.status }).toEqual({ body, status: 400 });
        codes.add(refused.code);
      }
    }
    expect([...codes].sort()).toEqual([81053, 81054, 81057, 81058]);
    expect((await post({ ...a, name: 'a', content: '192.0.2.2' })).status).toBe(200);
    const moved = await call(`${records()}/${named('c')}`, { method: 'PATCH', body: { name: 'a' } });
    expect(String(moved.code)).toMatch(/^8105[3478]$/);
    expect(names()).toEqual(['a', 'a', 'c']);
  });

  test('of a foreign writer is like any other', async () => {
    const { id } = mock.foreign.addRecord({ ...cname('theirs'), comment: 'not ours' });
    mock.foreign.changeRecord(id, { content: 'elsewhere.example.org' });
    expect((await call(`${records()}/${id}`)).body.result).toMatchObject({
      content: 'elsewhere.example.org',
      comment: 'not ours',
    });
    mock.foreign.removeRecord(id);
    expect(mock.account.records).toEqual([]);
    expect(mock.calls).toHaveLength(1);
  });
});

describe('the list', () => {
  test('comes in pages of 100, or of the requested size', async () => {
    await restart({ plan: 'paid' });
    for (let at = 0; at < 250; at += 1) mock.foreign.addRecord(cname(`s${at}`));
    const last = await call(`${records()}?page=3`);
    expect(last.body.result).toHaveLength(50);
    const info = { page: 3, per_page: 100, count: 50, total_count: 250, total_pages: 3 };
    expect(last.body.result_info).toEqual(info);
    expect((await call(`${records()}?page=4`)).body).toMatchObject({ result: [], result_info: { count: 0 } });
    expect((await call(`${records()}?per_page=5000`)).body.result).toHaveLength(250);
    for (const wrong of ['page=0', 'per_page=x', 'per_page=5000001']) {
      const { status } = await call(`${records()}?${wrong}`);
      expect({ wrong, status }).toEqual({ wrong, status: 400 });
    }
    const client = new Cloudflare({ apiToken: mock.token, baseURL: mock.baseUrl });
    const found: string[] = [];
    for await (const { name } of client.dns.records.list({ zone_id: mock.zoneId })) found.push(name);
    expect(found).toEqual(mock.account.records.map(({ name }) => name));
  });

  test.each<[string, string[]]>([
    ['name=alice.example.com', ['alice']],
    ['name.exact=ALICE.example.com', ['alice']],
    ['name.startswith=a', ['alice', 'ann']],
    ['comment.startswith=devenv', ['alice', 'bob']],
    ['comment.contains=room-2', ['bob']],
    ['comment.absent=true', ['ann']],
    ['type=A', ['ann']],
    ['content=192.0.2.1', ['ann']],
    ['content.endswith=.cfargotunnel.com', ['alice', 'bob']],
    ['proxied=false&type=A', ['ann']],
    ['name=bob.example.com&type=A', []],
    ['name=bob.example.com&type=A&match=any', ['bob', 'ann']],
    ['order=name', ['alice', 'ann', 'bob']],
    ['order=name&direction=desc', ['bob', 'ann', 'alice']],
  ])('is filtered and sorted by %s', async (query, expected) => {
    mock.foreign.addRecord(cname('bob', { comment: 'devenv room-2: bob' }));
    mock.foreign.addRecord({ type: 'A', name: 'ann.example.com', content: '192.0.2.1' });
    mock.foreign.addRecord(cname('alice', { comment: 'devenv room-1: alice' }));
    const { status, body } = await call(`${records()}?${query}`);
    expect(status).toBe(200);
    const found = (body.result as { name: string }[]).map(({ name }) => name.replace('.example.com', ''));
    expect(query.includes('order') || query.includes('any') ? found : found.sort()).toEqual(expected);
  });

  test.each(['type=ALIAS', 'proxied=1', 'order=age', 'direction=up', 'match=some', 'search=x'])(
    'refuses %s',
    async (query) => {
      expect(await call(`${records()}?${query}`)).toMatchObject({ status: 400, code: 1004 });
    },
  );
});
