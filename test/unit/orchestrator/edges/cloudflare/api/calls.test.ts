/** What a failed call means, how many may be made, and which hostnames can work. */
import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'cloudflare/core/error';
import { systemClock } from '../../../../../../orchestrator/clock.ts';
import { Budget } from '../../../../../../orchestrator/edges/cloudflare/api/budget.ts';
import {
  ApiFailure,
  failureOf,
  retryAfterMs,
} from '../../../../../../orchestrator/edges/cloudflare/api/failures.ts';
import { explain } from '../../../../../../orchestrator/edges/cloudflare/apply/outcomes.ts';
import {
  checkHostname,
  checkTemplate,
  hostnameFor,
  problemOfHostname,
} from '../../../../../../orchestrator/edges/cloudflare/hostnames.ts';
import { ManualClock } from '../../../../../support/manual-clock.ts';

const answered = (status: number, ...codes: number[]) =>
  failureOf(
    APIError.generate(
      status,
      codes.length === 0 ? undefined : { errors: codes.map((code) => ({ code, message: 'Said.' })) },
      undefined,
      new Headers(),
    ),
  );

test.each([
  [403, [10000], 'forbidden'],
  [403, [9109], 'forbidden'],
  [400, [9106], 'forbidden'],
  [401, [1000], 'forbidden'],
  [400, [81053], 'conflict'],
  [400, [81058], 'conflict'],
  [409, [81057], 'unknown'],
  [400, [81045], 'quota'],
  [404, [81044], 'gone'],
  [404, [1003], 'invalid'],
  [400, [1056], 'invalid'],
  [400, [9313], 'invalid'],
  [500, [10002], 'unknown'],
  [500, [10000], 'unknown'],
  [503, [81044], 'unknown'],
  [408, [1], 'unknown'],
  [429, [971], 'rate-limited'],
  [429, [], 'rate-limited'],
  [403, [], 'unknown'],
  [502, [], 'unknown'],
] as const)('status %d with codes %p is %s', (status, codes, kind) => {
  expect(answered(status, ...codes).kind).toBe(kind);
});

test('a call without an answer is unknown; a failure stays itself', () => {
  expect(failureOf(new APIConnectionTimeoutError()).kind).toBe('unknown');
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  expect(failureOf(new APIConnectionError({ cause: new TypeError('fetch failed', { cause }) })).message).toBe(
    'no connection (ECONNREFUSED)',
  );
  expect(failureOf(new SyntaxError('Unexpected token s in JSON: secret')).message).not.toContain('secret');
  const failure = new ApiFailure('quota', 'x');
  expect(failureOf(failure)).toBe(failure);
});

test('what a proxy has written is not repeated; what Cloudflare says is, up to a bound', () => {
  const page = failureOf(APIError.generate(502, undefined, '<html>secret</html>', new Headers()));
  expect(page.message).toBe('status 502 from something in between');
  const long = APIError.generate(
    400,
    { errors: [{ code: 1, message: 'x'.repeat(9000) }] },
    undefined,
    new Headers(),
  );
  expect(failureOf(long).message.length).toBeLessThanOrEqual(500);
});

test('`retry-after` in seconds, as a date, absent, or nonsense', () => {
  const after = (value: string) => retryAfterMs(new Headers({ 'retry-after': value }), 1_000_000);
  expect(after('7')).toBe(7000);
  expect(after(new Date(1_005_000).toUTCString())).toBe(5000);
  expect(after('soon')).toBeNull();
  expect(retryAfterMs(new Headers(), 0)).toBeNull();
  expect(answered(429, 971).afterMs).toBe(300_000);
  // A proxy's own refusal is not Cloudflare's five minutes.
  expect(answered(429).afterMs).toBe(30_000);
});

test('what is said of a wait is believed from a second to an hour', () => {
  const after = (value: string) => retryAfterMs(new Headers({ 'retry-after': value }), 1_000_000);
  // "At once" would be a loop without end.
  expect(['0', '-3', '0.001', new Date(0).toUTCString()].map(after)).toEqual([1000, 1000, 1000, 1000]);
  const long = ['3601', '3000000', '1e300', '9'.repeat(400), new Date(1e13).toUTCString()];
  expect(long.map(after)).toEqual(long.map(() => 3_600_000));
  const budget = new Budget({ calls: 600, windowMs: 300_000, clock: new ManualClock() });
  budget.updateFromHeaders(new Headers({ ratelimit: '"default";r=0;t=99999999999' }));
  expect(budget.waitMs()).toBe(3_600_000);
  budget.block(Number.POSITIVE_INFINITY);
  expect(budget.waitMs()).toBe(3_600_000);
});

test('the budget does not wait for a clock that is stepped back', () => {
  const { now } = Date;
  let back = 0;
  Date.now = () => now() - back;
  try {
    const budget = new Budget({ calls: 2, windowMs: 20, clock: systemClock });
    budget.spend();
    budget.spend();
    back = 86_400_000;
    expect(budget.waitMs()).toBeLessThanOrEqual(20);
  } finally {
    Date.now = now;
  }
});

test('every kind of failure says what to do, and whether it is retried', () => {
  const clock = new ManualClock();
  const results = (
    ['forbidden', 'conflict', 'quota', 'gone', 'invalid', 'rate-limited', 'unknown', 'aborted'] as const
  ).map((failure) => {
    const { kind, problem } = explain(
      new ApiFailure(failure, 'Said (1)', { afterMs: 61_000 }),
      'the DNS record',
      clock,
    );
    expect(problem.what.length * problem.next.length).toBeGreaterThan(0);
    return `${failure} ${kind}`;
  });
  expect(results.filter((line) => line.endsWith('retry'))).toEqual([
    'gone retry',
    'rate-limited retry',
    'unknown retry',
    'aborted retry',
  ]);
  expect(
    explain(new ApiFailure('rate-limited', '', { afterMs: 61_000 }), 'the DNS record', clock),
  ).toMatchObject({
    afterMs: 61_000,
    problem: { what: expect.stringMatching(/for 61 s/) },
  });
  expect(
    explain(new ApiFailure('gone', 'Record does not exist. (81044)'), 'the DNS record', clock).problem,
  ).toEqual({
    code: 'edge',
    what: 'Another writer changed the DNS record at the same moment. Cloudflare: Record does not exist. (81044).',
    next: 'devenv retries automatically.',
  });
});

test('the budget: a sliding window, room for a whole run, a quarter kept from calls that only read', async () => {
  const clock = new ManualClock();
  const budget = new Budget({ calls: 20, windowMs: 1000, clock });
  for (let call = 0; call < 15; call += 1) {
    budget.spend();
    await clock.advance(10);
  }
  expect(budget.isAmple).toBe(true);
  budget.spend();
  expect(budget.isAmple).toBe(false);
  expect([budget.waitMs(4), budget.waitMs(5)]).toEqual([0, 1000 - clock.monotonicMs()]);
  for (let call = 0; call < 4; call += 1) budget.spend();
  expect(() => budget.spend()).toThrow(ApiFailure);
  await clock.advance(1005 - clock.monotonicMs());
  expect(budget.waitMs(1)).toBe(0);
  expect(budget.waitMs(100)).toBeGreaterThan(0);
  await clock.advance(5000);
  expect(budget.waitMs(20)).toBe(0);
});

test('the budget believes what Cloudflare says is left, and a block counts for every call', async () => {
  const clock = new ManualClock();
  const budget = new Budget({ calls: 600, windowMs: 300_000, clock });
  const update = (value: string) => budget.updateFromHeaders(new Headers({ ratelimit: value }));
  update('"default";r=700;t=30');
  update('nonsense');
  expect(budget.waitMs()).toBe(0);
  update('"default";r=3;t=30');
  expect(budget.waitMs()).toBe(30_000);
  budget.block(10_000);
  expect(budget.waitMs()).toBe(30_000);
  await clock.advance(30_000);
  expect(budget.waitMs()).toBe(0);
});

const zone = 'example.com';
const rules = (template: string | null, allowDeep = false) => ({ template, zone, allowDeep });

test.each([null, '{student}.example.com', '{student}-class.example.com', 'web-{student}.Example.com'])(
  'the template %p works',
  (template) => {
    expect(() => checkTemplate(rules(template))).not.toThrow();
  },
);

test.each([
  ['{student}.class.example.com', /Universal SSL/],
  ['{student}.example.org', /does not end in \.example\.com/],
  ['{student}example.com', /does not end in \.example\.com/],
  ['{student}_x.example.com', /is no hostname/],
  ['-{student}.example.com', /is no hostname/],
  ['{student}..example.com', /is no hostname/],
])('the template %p is refused', (template, reason) => {
  expect(() => checkTemplate(rules(template))).toThrow(reason);
});

test('deeper hostnames are allowed by the setting; names that DNS can’t have never are', () => {
  expect(() => checkTemplate(rules('{student}.class.example.com', true))).not.toThrow();
  expect(hostnameFor(rules('{student}-{student}.Example.com'), 'al')).toBe('al-al.example.com');
  expect(hostnameFor(rules(null), 'alice')).toBe('alice.example.com');
  expect(() => checkHostname(`${'x'.repeat(63)}.example.com`)).not.toThrow();
  expect(() => checkHostname(`${'x'.repeat(64)}.example.com`)).toThrow(/64 characters; 63/);
  expect(() => checkHostname(`x.${`${'y'.repeat(60)}.`.repeat(5)}com`)).toThrow(/253 is the most/);
  const deep = { template: 'a.{student}-of-the-class.example.com', zone: 'example.com', allowDeep: true };
  const hostname = hostnameFor(deep, 'z'.repeat(60));
  expect(() => checkHostname(hostname)).toThrow(/'z{60}-of-the-class' has 73 characters; 63/);
  expect(problemOfHostname(hostname, deep)?.what).toMatch(/is too long: .* has 73 characters/);
  expect(problemOfHostname(hostnameFor(deep, 'alice'), deep)).toBeNull();
});
