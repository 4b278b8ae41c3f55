/** The mock's DNS records over real HTTP: single records, pages, batches, and refusals. */
import Cloudflare from 'cloudflare';
import { MockCloudflare, type MockOptions, type NewRecord } from '../../../cloudflare/index.ts';
import { type ApiCall, callApi, pathsOf } from '../../../support/mock-api.ts';

let mock: MockCloudflare;
const records = () => pathsOf(mock).records;
const call = (path: string, options?: ApiCall) => callApi(mock, path, options);
const post = (body: unknown) => call(records(), { body });
const batch = (body: unknown) => call(pathsOf(mock).batch, { body });

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
      expect(await call(path, { method })).toMatchObject({ status: 404, code: 81044 });
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
      expect((await post({ type: 'A', name, content: '192.0.2.1' })).status).toBe(200);
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
        expect(refused.status).toBe(400);
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
      expect(await call(`${records()}?${wrong}`)).toMatchObject({ status: 400 });
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

describe('a batch', () => {
  test('runs deletes, patches, puts and posts in this order, regardless of their order in the body', async () => {
    for (const label of ['gone', 'patched', 'put']) mock.foreign.addRecord(cname(label, { comment: 'old' }));
    const done = await batch({
      // Each operation uses the name that the previous one has released.
      posts: [cname('put', { comment: 'posted' })],
      puts: [{ id: named('put'), ...cname('patched') }],
      patches: [{ id: named('patched'), name: 'gone.example.com' }],
      deletes: [{ id: named('gone') }],
    });
    expect(done.status).toBe(200);
    expect(done.body.result).toEqual({
      deletes: [expect.objectContaining({ name: 'gone.example.com', comment: 'old' })],
      patches: [expect.objectContaining({ name: 'gone.example.com', comment: 'old' })],
      puts: [expect.objectContaining({ name: 'patched.example.com', comment: null })],
      posts: [expect.objectContaining({ name: 'put.example.com', comment: 'posted' })],
    });
    expect(names()).toEqual(['gone', 'patched', 'put']);
  });

  test('with one invalid operation applies nothing, and does not name that operation', async () => {
    for (const label of ['a', 'b', 'c']) mock.foreign.addRecord(cname(label, { comment: label }));
    const before = mock.account.records;
    const good = {
      deletes: [{ id: named('a') }],
      patches: [{ id: named('b'), comment: 'changed', name: 'moved.example.com' }],
      puts: [{ id: named('c'), ...cname('c') }],
      posts: [cname('a'), cname('new')],
    };
    const missing = { id: 'f'.repeat(32) };
    for (const [error, code] of [
      [{ deletes: [...good.deletes, missing] }, 81044],
      [{ patches: [...good.patches, { ...missing, comment: 'x' }] }, 81044],
      [{ puts: [...good.puts, { ...missing, ...cname('d') }] }, 81044],
      [{ posts: [...good.posts, cname('new')] }, null],
      [{ posts: [...good.posts, cname('long', { comment: 'x'.repeat(101) })] }, 9313],
    ] as const) {
      const refused = await batch({ ...good, ...error });
      expect(refused.body).toMatchObject({ success: false, result: null });
      if (code === null) expect(String(refused.code)).toMatch(/^8105[3478]$/);
      else expect(refused.code).toBe(code);
      expect(refused.text).not.toMatch(/new|long|index|pointer|ffff/);
      expect(mock.account.records).toEqual(before);
      expect(mock.calls.at(-1)).toMatchObject({ kind: 'dns-batch', applied: false });
    }
    expect(named('moved')).toBe('');
    expect((await batch(good)).status).toBe(200);
    expect(names()).toEqual(['a', 'c', 'moved', 'new']);
  });

  test('is refused if it is empty, malformed or larger than the plan allows', async () => {
    const wrong = [
      {},
      { posts: [] },
      { posts: {} },
      { creates: [cname('a')] },
      { deletes: [{ id: 'x', name: 'y' }] },
      { patches: [{ comment: 'x' }] },
    ];
    for (const body of wrong) {
      const { status, code } = await batch(body);
      expect({ body, status, code }).toEqual({ body, status: 400, code: 9207 });
    }
    const posts = Array.from({ length: 201 }, (_none, at) => cname(`s${at}`));
    expect(await batch({ posts })).toMatchObject({ status: 400, code: 9207 });
    expect((await batch({ posts: posts.slice(1) })).status).toBe(200);
    expect(names()).toHaveLength(200);
    await restart({ plan: 'paid' });
    const paid = posts.map((record) => ({ ...record, content: mock.account.tunnelHostname }));
    expect((await batch({ posts: paid })).status).toBe(200);
  });
});

test('a full zone accepts a new record only in exchange for another one', async () => {
  for (let at = 0; at < 200; at += 1) mock.foreign.addRecord(cname(`s${at}`));
  expect(await post(cname('late'))).toMatchObject({ status: 400, code: 81045 });
  expect(await batch({ posts: [cname('late')] })).toMatchObject({ status: 400, code: 81045 });
  expect((await batch({ deletes: [{ id: named('s0') }], posts: [cname('late')] })).status).toBe(200);
  expect(mock.account.records).toHaveLength(200);
});
