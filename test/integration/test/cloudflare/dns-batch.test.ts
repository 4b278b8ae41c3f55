/** The mock's DNS batches over real HTTP: all or nothing, and the quota of records. */
import { MockCloudflare, type MockOptions, type NewRecord } from '../../../cloudflare/index.ts';
import { callApi, pathsOf } from '../../../support/mock-api.ts';

let mock: MockCloudflare;
const post = (body: unknown) => callApi(mock, pathsOf(mock).records, { body });
const batch = (body: unknown) => callApi(mock, pathsOf(mock).batch, { body });

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
