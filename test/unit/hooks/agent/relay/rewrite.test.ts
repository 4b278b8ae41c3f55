/** Headers are translated between the link and the student's own machine. */
import {
  isOwnHost,
  type LinkContext,
  pathForService,
  toService,
  toVisitor,
} from '../../../../../hooks/agent/relay/rewrite.ts';

const context: LinkContext = {
  hostname: 'alice.example.com',
  publicUrl: 'https://alice.example.com',
  host: 'alice.example.com',
  localUrl: 'http://localhost:5173',
  others: [],
};
const sent = (headers: Record<string, string>, more: Partial<LinkContext> = {}) => {
  const list = toService(Object.entries(headers).flat(), { ...context, ...more });
  return Object.fromEntries(
    Array.from({ length: list.length / 2 }, (_, index) => [list[index * 2], list[index * 2 + 1]]),
  );
};
const answered = (name: string, value: string, more: Partial<LinkContext> = {}) => {
  const list = toVisitor([name, value], { ...context, ...more });
  return list[0] === name ? list[1] : undefined;
};

test('Host, the own Origin and Referer name the service on its own machine', () => {
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
])('the foreign origin %s passes unchanged', (origin) => {
  expect(sent({ Origin: origin, Referer: `${origin}/x` })).toEqual({
    Origin: origin,
    Referer: `${origin}/x`,
  });
});

test('no header is added, and those that reveal the public hostname are dropped', () => {
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

test('a Referer keeps its path and query, in every spelling of its origin', () => {
  expect(sent({ Referer: 'HTTPS://Alice.example.com:443/a?b' })).toEqual({
    Referer: 'http://localhost:5173/a?b',
  });
});

test('a visitor who uses another port (a tunnel to the host) is translated too', () => {
  const more = { host: 'alice.example.com:9000', publicUrl: 'http://alice.example.com:8080' };
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
const api: LinkContext = {
  hostname: 'alice-4000.example.com',
  publicUrl: 'https://alice-4000.example.com',
  host: 'alice-4000.example.com',
  localUrl: 'http://localhost:4000',
  others: [{ publicUrl: 'https://alice.example.com', localUrl: 'http://localhost:5173' }],
};

test('the links of one student are translated to their own ports', () => {
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
])('an API on another port: %s: %s becomes %s', (name, value, expected) => {
  expect(answered(name, value, api)).toBe(expected);
});

test.each([
  'https://bob.example.com',
  'https://alice-5000.example.com',
  'http://alice.example.com',
  'https://alice.example.com:444',
])('an API on another port still sees %s as foreign', (origin) => {
  expect(sent({ Origin: origin, Referer: `${origin}/x` }, api)).toEqual({
    Origin: origin,
    Referer: `${origin}/x`,
  });
});

test('a visitor who uses another port keeps it at every link', () => {
  const more = { ...api, host: 'alice-4000.example.com:9000' };
  const origin = 'https://alice.example.com:9000';
  expect(sent({ Origin: origin }, more)).toEqual({ Origin: 'http://localhost:5173' });
  expect(answered('Access-Control-Allow-Origin', 'http://localhost:5173', more)).toBe(origin);
});

test('of two links to one port, the one that asked is allowed', () => {
  const more = { ...api, localUrl: 'http://localhost:5173', origin: 'https://alice.example.com' };
  expect(answered('Access-Control-Allow-Origin', 'http://localhost:5173', more)).toBe(more.origin);
  expect(answered('Location', 'http://localhost:5173/', more)).toBe('https://alice-4000.example.com/');
});

test('an HTTPS service is recognized by its own port and by 443', () => {
  expect(answered('Location', 'https://localhost/a', { localUrl: 'https://localhost:443' })).toBe(
    'https://alice.example.com/a',
  );
  expect(answered('Location', '//localhost:8443/a', { localUrl: 'https://localhost:8443' })).toBe(
    'https://alice.example.com/a',
  );
});

const visitorsMachine: [string, string][] = [
  ['http://localhost:5173', 'http://visitor.invalid:5173'],
  ['http://LOCALHOST:4000', 'http://visitor.invalid:4000'],
  ['https://localhost', 'https://visitor.invalid'],
  ['http://127.0.0.1:5173', 'http://visitor.invalid:5173'],
  ['http://127.1.2.3:5173', 'http://visitor.invalid:5173'],
  ['http://[::1]:5173', 'http://visitor.invalid:5173'],
  ['http://0.0.0.0:5173', 'http://visitor.invalid:5173'],
];
test.each(visitorsMachine)('the origin %s from outside is foreign to the service', (origin, seen) => {
  for (const each of [context, api]) {
    const localReferer = { ...sent({ Origin: origin, Referer: `${origin.toLowerCase()}/a?b` }, each) };
    expect([each.hostname, localReferer]).toEqual([each.hostname, { Origin: seen, Referer: `${seen}/a?b` }]);
  }
});

test('a service that allows every origin also allows that one, under its own name', () => {
  const origin = 'http://localhost:3000';
  expect(answered('Access-Control-Allow-Origin', 'http://visitor.invalid:3000', { origin })).toBe(origin);
  expect(answered('Access-Control-Allow-Origin', 'http://localhost:5173', { origin })).toBe(
    context.publicUrl,
  );
});

test.each(['localhost:61080', '127.0.0.1:61080', '[::1]:61080'])(
  'from inside the container, by the name %s, local origins keep their meaning',
  (host) => {
    const origin = 'http://localhost:3000';
    expect(sent({ Origin: origin, Referer: `${origin}/x` }, { host })).toEqual({
      Origin: origin,
      Referer: `${origin}/x`,
    });
    expect(sent({ Origin: `http://${host}` }, { host })).toEqual({ Origin: 'http://localhost:5173' });
  },
);

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

test('every response forbids indexing, also if the service allows it', () => {
  expect(toVisitor(['X-Robots-Tag', 'all'], context)).toEqual(['X-Robots-Tag', 'noindex']);
});

test.each([
  ['alice.example.com', true],
  ['ALICE.example.com.:443', true],
  ['localhost:3001', true],
  ['[::1]:3001', true],
  ['bob.example.com', false],
  ['evil.example', false],
  ['', false],
])("a request for the host %p is the student's: %p", (host, expected) => {
  expect(isOwnHost(host, 'alice.example.com')).toBe(expected);
});

const movedPorts = { variable: 21000, isFree: (port: number) => ![21000, 4000, 8081].includes(port) };

/** An app on PORT 21000; also running are an API on 4000, which has a link, and a database page on 8081, which has none. */
const moved: Partial<LinkContext> = {
  localUrl: 'http://localhost:21000',
  others: api.others.map(() => ({
    publicUrl: api.publicUrl,
    localUrl: api.localUrl,
  })),
  ports: movedPorts,
};

test.each([
  ['Link', '<http://localhost:21000/a?p=2>; rel="next", <http://127.0.0.1:21000/a?p=9>; rel="last"'],
  ['Link', '</a?p=2>; rel="next"; title="see http:/x", <//localhost:21000/b>; rel="last"'],
  ['SourceMap', 'http://localhost:21000/main.js.map'],
  ['HX-Redirect', 'http://localhost:21000/home'],
  ['WWW-Authenticate', 'Bearer resource_metadata="http://localhost:21000/.well-known/x"'],
  [
    'Content-Security-Policy',
    "connect-src 'self' http://localhost:21000 ws://localhost:21000; img-src data:",
  ],
  [
    'Location',
    'https://id.example/login?redirect_uri=http%3A%2F%2Flocalhost%3A21000%2Fcb&state=http%3A%2F%2Fx',
  ],
  ['Location', 'https://id.example/login?redirect_uri=http://localhost:21000/cb'],
  ['Location', '/in?next=%2Fx%3Furl%3Dhttp%253A%252F%252Flocalhost%253A21000%252Fy'],
  ['Location', 'https://id.example/login#redirect_uri=http%3a%2f%2f127.0.0.1%3a21000'],
])('%s: in %s, the own address becomes the link in its own spelling', (name, value) => {
  const seen = answered(name, value, moved) ?? '';
  const decoded = (text: string) => decodeURIComponent(decodeURIComponent(text));
  const expected = decoded(value)
    .replace('ws://localhost:21000', 'wss://alice.example.com')
    .replace(/(?:http:)?\/\/(?:localhost|127\.0\.0\.1):21000/g, context.publicUrl);
  expect(decoded(seen)).toBe(expected);
  // Nothing else may change: separators that were encoded stay encoded.
  expect(seen.split(/[&;]/).length).toBe(value.split(/[&;]/).length);
});

test.each([
  ['Link', '<http://localhost.evil.example:21000/>; rel="next"'],
  ['Location', 'https://id.example/?redirect_uri=http%3A%2F%2Flocalhost%3A210000%2Fcb'],
  ['Location', 'https://id.example/?redirect_uri=http%3A%2F%2Flocalhost%3A21000%40evil.example'],
  ['Location', 'http://localhost:21000@evil.example/'],
  ['Location', 'http://localhost:8081/'],
  ['Link', '<http://localhost:8081/>'],
  ['ETag', '"http://localhost:21000/"'],
  ['Content-Type', 'text/html'],
])('%s: %s stays', (name, value) => {
  expect(answered(name, value, moved)).toBe(value);
});

test('addresses in headers become links of their own ports', () => {
  expect(answered('Link', '<http://localhost:4000/a>, <http://localhost:21000/b>', moved)).toBe(
    '<https://alice-4000.example.com/a>, <https://alice.example.com/b>',
  );
});

test.each([
  ['Location', 'http://localhost:3000/home', 'https://alice.example.com/home'],
  ['Location', 'http://localhost/home', 'https://alice.example.com/home'],
  [
    'Location',
    'https://id.example/?r=http%3A%2F%2Flocalhost%3A3000%2Fcb',
    'https://id.example/?r=https%3A%2F%2Falice.example.com%2Fcb',
  ],
  ['Access-Control-Allow-Origin', 'http://localhost:3000', 'https://alice.example.com'],
])('%s: %s names the port that the app has without PORT, and becomes %s', (name, value, expected) => {
  expect(answered(name, value, moved)).toBe(expected);
  expect(answered(name, value, { ...moved, localUrl: 'http://localhost:5173' })).toBe(value);
});

test('an API whose settings name the default port of the page allows the page that PORT has moved', () => {
  const { publicUrl } = context;
  const more = { ...api, ports: movedPorts, others: [{ publicUrl, localUrl: 'http://localhost:21000' }] };
  expect(answered('Access-Control-Allow-Origin', 'http://localhost:3000', more)).toBe(publicUrl);
});

test.each([
  [
    '/in?callbackUrl=https%3A%2F%2Falice.example.com%2Fa&x=1',
    '/in?callbackUrl=http%3A%2F%2Flocalhost%3A5173%2Fa&x=1',
  ],
  ['/in?to=https://alice.example.com/a#b', '/in?to=http://localhost:5173/a#b'],
  ['/in?to=https://alice-4000.example.com', '/in?to=http://localhost:4000'],
  ['/in?to=https://alice.example.com.evil.example/', '/in?to=https://alice.example.com.evil.example/'],
  ['/in?to=https://alice.example.com@evil.example/', '/in?to=https://alice.example.com@evil.example/'],
  ['/in?to=http://localhost:5173/', '/in?to=http://localhost:5173/'],
  ['/https://alice.example.com/a', '/https://alice.example.com/a'],
  ['/a?b=c', '/a?b=c'],
])('a request for %s asks the service for %s', (path, expected) => {
  const { publicUrl, localUrl } = api;
  expect(pathForService(path, { ...context, others: [{ publicUrl, localUrl }] })).toBe(expected);
});

test('Destination and HX-Current-URL are translated like Referer', () => {
  expect(
    sent({ Destination: 'https://alice.example.com/b', 'HX-Current-URL': 'https://alice.example.com/a?b' }),
  ).toEqual({
    Destination: 'http://localhost:5173/b',
    'HX-Current-URL': 'http://localhost:5173/a?b',
  });
});

test('only a service that wants them gets the scheme and address of the visitor', () => {
  const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '1.2.3.4', 'X-Forwarded-Port': '443' };
  const seen = (scheme: boolean, address: boolean, visitorScheme: 'http' | 'https') =>
    sent(headers, { visitorHeaders: { scheme, address }, visitorScheme });
  expect(seen(true, true, 'https')).toEqual({ 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '1.2.3.4' });
  expect(seen(false, false, 'https')).toEqual({});
  expect(seen(true, false, 'http')).toEqual({});
});

const http: Partial<LinkContext> = {
  hostname: 'alice.school.test',
  host: 'alice.school.test:8080',
  publicUrl: 'http://alice.school.test:8080',
};

test.each([
  ['s=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned', 's=1; Path=/; HttpOnly'],
  ['s=1; secure; SameSite=Lax', 's=1; SameSite=Lax'],
  ['s=1; Domain=localhost; SameSite=Strict', 's=1; SameSite=Strict'],
  ['__Host-s=1; Path=/; Secure', 'plain__Host-s=1; Path=/'],
  ['__secure-s=__Host-x; Secure; Path=/', 'plain__secure-s=__Host-x; Path=/'],
  ['secure=1; Path=/secure', 'secure=1; Path=/secure'],
])('the cookie %s is kept by browsers on an HTTP link as %s', (cookie, expected) => {
  expect(answered('Set-Cookie', cookie, http)).toBe(expected);
});

test('the service reads the cookies of an HTTP link under their own names', () => {
  const cookies = 'a=1; plain__Host-s=2;plain__Secure-t=plain__Host-x; plain=3';
  expect(sent({ Cookie: cookies }, http)).toEqual({
    Cookie: 'a=1; __Host-s=2;__Secure-t=plain__Host-x; plain=3',
  });
  expect(sent({ Cookie: cookies })).toEqual({ Cookie: cookies });
});

test.each([
  ['an HTTPS link', {}],
  ['an HTTP link behind a proxy with HTTPS', { ...http, visitorScheme: 'https' as const }],
  [
    'a name of this machine, which browsers trust',
    { ...http, hostname: 'alice.localhost', host: 'alice.localhost:8080' },
  ],
])('on %s, cookies and policies keep what needs HTTPS', (_name, more) => {
  for (const cookie of ['__Host-s=1; Path=/; Secure; SameSite=None; Partitioned', 's=1; Secure'])
    expect(answered('Set-Cookie', cookie, more)).toBe(cookie);
  const policy = "default-src 'self';upgrade-insecure-requests";
  expect(answered('Content-Security-Policy', policy, more)).toBe(policy);
});

test('on an HTTP link, no policy replaces addresses by HTTPS', () => {
  expect(answered('Content-Security-Policy', "default-src 'self';upgrade-insecure-requests", http)).toBe(
    "default-src 'self'",
  );
});
