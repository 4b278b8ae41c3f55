import { isOwnHost, type Names, toService, toVisitor } from '../../../../../hooks/agent/relay/rewrite.ts';
import { waitingPage } from '../../../../../hooks/agent/relay/waiting-page.ts';
import { withoutHopByHop } from '../../../../../orchestrator/proxy/header-list.ts';

const names: Names = {
  hostname: 'alice.example.com',
  url: 'https://alice.example.com',
  host: 'alice.example.com',
  local: 'http://localhost:5173',
  others: [],
};
const sent = (headers: Record<string, string>, more: Partial<Names> = {}) => {
  const list = toService(Object.entries(headers).flat(), { ...names, ...more });
  return Object.fromEntries(
    Array.from({ length: list.length / 2 }, (_, index) => [list[index * 2], list[index * 2 + 1]]),
  );
};
const answered = (name: string, value: string, more: Partial<Names> = {}) => {
  const list = toVisitor([name, value], { ...names, ...more });
  return list[0] === name ? list[1] : undefined;
};

test('the service sees itself: Host, the own Origin and Referer', () => {
  expect(
    sent({
      Host: 'alice.example.com',
      Origin: 'https://alice.example.com',
      Referer: 'https://alice.example.com/a?b',
    }),
  ).toEqual({
    Host: 'localhost:5173',
    Origin: 'http://localhost:5173',
    Referer: 'http://localhost:5173/a?b',
  });
});

test.each([
  'https://evil.example',
  'null',
  'http://alice.example.com.evil.example',
  'https://alice.example.com:444',
])('the foreign origin %s passes as it is', (origin) => {
  expect(sent({ Origin: origin, Referer: `${origin}/x` })).toEqual({
    Origin: origin,
    Referer: `${origin}/x`,
  });
});

test('nothing is invented, and what would tell the public name is dropped', () => {
  expect(sent({ Accept: '*/*' })).toEqual({ Accept: '*/*' });
  expect(
    sent({
      'X-Forwarded-Host': 'a',
      'x-forwarded-proto': 'https',
      Forwarded: 'host=a',
      'X-Forwarded-For': '1.2.3.4',
    }),
  ).toEqual({ 'X-Forwarded-For': '1.2.3.4' });
});

test('a Referer keeps its path and query, however its origin is spelt', () => {
  expect(sent({ Referer: 'HTTPS://Alice.example.com:443/a?b' })).toEqual({
    Referer: 'http://localhost:5173/a?b',
  });
});

test('a visitor with a port of their own (a tunnel to the host) is at home too', () => {
  const more = { host: 'alice.example.com:9000', url: 'http://alice.example.com:8080' };
  expect(sent({ Origin: 'http://alice.example.com:9000' }, more)).toEqual({
    Origin: 'http://localhost:5173',
  });
  expect(answered('Location', 'http://localhost:5173/x', more)).toBe('http://alice.example.com:9000/x');
});

test.each([
  ['http://localhost:5173/a?b#c', 'https://alice.example.com/a?b#c'],
  ['http://127.0.0.1:5173', 'https://alice.example.com'],
  ['https://localhost:5173/a', 'https://alice.example.com/a'],
  ['http://localhost:4000/a', 'http://localhost:4000/a'],
  ['http://localhost:51730/a', 'http://localhost:51730/a'],
  ['//localhost:5173/a', 'https://alice.example.com/a'],
  ['//localhost/a', '//localhost/a'],
  ['http://0.0.0.0:5173/a', 'https://alice.example.com/a'],
  ['http://[::1]:5173/a', 'https://alice.example.com/a'],
  ['http://localhost.evil.example/a', 'http://localhost.evil.example/a'],
  ['/relative', '/relative'],
  ['https://github.com/login', 'https://github.com/login'],
])('Location %s becomes %s', (location, expected) => {
  expect(answered('Location', location)).toBe(expected);
});

test.each([
  ['Content-Location', 'http://localhost:5173/a', 'https://alice.example.com/a'],
  ['Refresh', '3; url=http://localhost:5173/a', '3; url=https://alice.example.com/a'],
  ['Refresh', "0;URL='//localhost:5173/a'", "0;URL='https://alice.example.com/a'"],
  ['Refresh', '5', '5'],
  ['Access-Control-Allow-Origin', 'http://localhost:5173', 'https://alice.example.com'],
  ['Access-Control-Allow-Origin', 'https://other.example', 'https://other.example'],
  ['Alt-Svc', 'h3=":5173"', undefined],
])('%s: %s becomes %s', (name, value, expected) => {
  expect(answered(name, value)).toBe(expected);
});

/** Alice's page calls her API, which has a link of its own. */
const api: Names = {
  hostname: 'alice-4000.example.com',
  url: 'https://alice-4000.example.com',
  host: 'alice-4000.example.com',
  local: 'http://localhost:4000',
  others: [{ url: 'https://alice.example.com', local: 'http://localhost:5173' }],
};

test('between links of one student each is the port that it is on the own machine', () => {
  const [origin, referer] = ['https://alice.example.com', 'https://alice.example.com/a?b'];
  expect(sent({ Host: api.host, Origin: origin, Referer: referer }, api)).toEqual({
    Host: 'localhost:4000',
    Origin: 'http://localhost:5173',
    Referer: 'http://localhost:5173/a?b',
  });
});

test.each([
  ['Access-Control-Allow-Origin', 'http://localhost:5173', 'https://alice.example.com'],
  ['Access-Control-Allow-Origin', 'http://localhost:4000', 'https://alice-4000.example.com'],
  ['Access-Control-Allow-Origin', 'http://localhost:9999', 'http://localhost:9999'],
  ['Access-Control-Allow-Origin', '*', '*'],
  ['Location', 'http://localhost:5173/done', 'https://alice.example.com/done'],
  ['Location', 'http://localhost:4000/done', 'https://alice-4000.example.com/done'],
  ['Location', 'http://localhost:9999/done', 'http://localhost:9999/done'],
  ['Content-Location', '//127.0.0.1:5173/a', 'https://alice.example.com/a'],
  ['Refresh', '0; url=http://localhost:5173/a', '0; url=https://alice.example.com/a'],
])('an API beside the page: %s: %s becomes %s', (name, value, expected) => {
  expect(answered(name, value, api)).toBe(expected);
});

test.each([
  'https://bob.example.com',
  'https://alice-5000.example.com',
  'http://alice.example.com',
  'https://alice.example.com:444',
  'http://localhost:5173',
])('to an API beside the page %s is as foreign as it was', (origin) => {
  expect(sent({ Origin: origin, Referer: `${origin}/x` }, api)).toEqual({
    Origin: origin,
    Referer: `${origin}/x`,
  });
});

test('a visitor with a port of their own has it at every link', () => {
  const more = { ...api, host: 'alice-4000.example.com:9000' };
  const origin = 'https://alice.example.com:9000';
  expect(sent({ Origin: origin }, more)).toEqual({ Origin: 'http://localhost:5173' });
  expect(answered('Access-Control-Allow-Origin', 'http://localhost:5173', more)).toBe(origin);
});

test('of two links to one port, the one that asked is allowed', () => {
  const more = { ...api, local: 'http://localhost:5173', origin: 'https://alice.example.com' };
  expect(answered('Access-Control-Allow-Origin', 'http://localhost:5173', more)).toBe(more.origin);
  expect(answered('Location', 'http://localhost:5173/', more)).toBe('https://alice-4000.example.com/');
});

test('an HTTPS service is at home on its own port and on 443', () => {
  expect(answered('Location', 'https://localhost/a', { local: 'https://localhost:443' })).toBe(
    'https://alice.example.com/a',
  );
  expect(answered('Location', '//localhost:8443/a', { local: 'https://localhost:8443' })).toBe(
    'https://alice.example.com/a',
  );
});

test.each([
  ['a=1; Domain=alice.example.com; Domain=example.com', 'a=1; Domain=alice.example.com'],
  ['a=1;domain = "example.com";Path=/', 'a=1;Path=/'],
  ['a=1; Domain=', 'a=1'],
  ['domain=1; Path=/', 'domain=1; Path=/'],
  ['a=1; Domain=localhost; Path=/', 'a=1; Path=/'],
  ['a=1; path=/; domain=.example.com; Secure', 'a=1; path=/; Secure'],
  ['a=1; Domain=alice.example.com', 'a=1; Domain=alice.example.com'],
  ['a=1; HttpOnly', 'a=1; HttpOnly'],
])('the cookie %s becomes %s', (cookie, expected) => {
  expect(answered('Set-Cookie', cookie)).toBe(expected);
});

test('no robot indexes an exercise, whatever the service says', () => {
  expect(toVisitor(['X-Robots-Tag', 'all'], names)).toEqual(['X-Robots-Tag', 'noindex']);
});

test.each([
  ['alice.example.com', true],
  ['ALICE.example.com.:443', true],
  ['localhost:3001', true],
  ['[::1]:3001', true],
  ['bob.example.com', false],
  ['evil.example', false],
  ['', false],
])("a request for %p is the student's: %p", (host, expected) => {
  expect(isOwnHost(host, 'alice.example.com')).toBe(expected);
});

test('what is meant for one connection is not forwarded, nor what Connection names', () => {
  const list = [
    'Connection',
    'keep-alive, X-Once',
    'X-Once',
    '1',
    'Keep-Alive',
    '5',
    'Transfer-Encoding',
    'chunked',
    'A',
    'b',
  ];
  expect(withoutHopByHop(list)).toEqual(['A', 'b']);
});

test.each([
  ['start', 'It is starting.'],
  ['service', 'Nothing is running right now.'],
  ['answer', 'It ended before it answered'],
  ['http', 'does not answer as a web server does'],
  ['link', 'This link is closed right now.'],
] as const)(
  'the waiting page (%s) is light, escapes, and needs nothing from elsewhere',
  (waitingFor, words) => {
    const page = waitingPage({ student: '<b>&"', phase: 'open', waitingFor, isGet: true });
    expect(page).toContain('&lt;b&gt;&amp;&quot;');
    expect(page).not.toMatch(/<b>|https?:|src=|href="(?!data:)/);
    expect(page).toContain(words);
    expect(Buffer.byteLength(page)).toBeLessThan(4096);
  },
);

test('a closed link says no reason, and nothing of who is there: neither is known for every case', () => {
  const page = waitingPage({ student: 'alice', phase: 'closed', waitingFor: 'link', isGet: true });
  expect(page).not.toMatch(/nobody|owner|at work|instructor/i);
});

test('a page that answers a form does not send it again by itself', () => {
  const answering = (isGet: boolean) =>
    waitingPage({ student: 'alice', phase: 'open', waitingFor: 'answer', isGet });
  expect(answering(true)).toContain('location.reload()');
  expect(answering(false)).not.toContain('location.reload()');
});
