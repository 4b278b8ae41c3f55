/** Only the configured token is ever sent, whatever else the environment holds for other programs. */
import { setAll, startWith, withRig } from '../../../../support/with-rig.ts';

const ELSE = {
  CLOUDFLARE_API_TOKEN: 'another-token',
  CLOUDFLARE_API_KEY: 'somebodys-key',
  CLOUDFLARE_EMAIL: 'somebody@example.com',
  CLOUDFLARE_API_USER_SERVICE_KEY: 'v1.0-somebodys-key',
  CLOUDFLARE_CUSTOM_HEADERS: [
    'Authorization: Bearer another-token',
    'X-Auth-Key: another-key',
    'X-Somebody: elses',
    'no name for a header: x',
  ].join('\n'),
};

const before = Object.keys(ELSE).map((name) => [name, process.env[name]] as const);

afterEach(() => {
  for (const [name, value] of before)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

test('credentials and headers in the environment stay there', async () => {
  Object.assign(process.env, ELSE);
  const sent: Headers[] = [];
  const listening: typeof fetch = (input, init) => {
    sent.push(new Headers(init?.headers));
    return fetch(input, init);
  };
  await withRig({ fetch: listening }, async ({ mock, rig }) => {
    await startWith(rig, ['alice']);
    await setAll(rig, 'open', ['alice']);
    expect((await rig.edge.diagnose()).filter(({ ok }) => !ok)).toEqual([]);
    expect(mock.calls.map(({ status }) => status)).toEqual(mock.calls.map(() => 200));
    expect(sent).toHaveLength(mock.calls.length);
    for (const headers of sent) {
      expect(headers.get('authorization')).toBe(`Bearer ${mock.token}`);
      expect([...headers.keys()].filter((name) => /^x-(auth|some)/.test(name))).toEqual([]);
    }
    // They are still there for the programs that need them.
    expect(process.env).toMatchObject(ELSE);
  });
});
