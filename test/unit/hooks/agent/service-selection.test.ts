/** Which of several listeners the link shows. */
import { jest } from '@jest/globals';
import { type Candidate, selectService } from '../../../../hooks/agent/service-selection.ts';
import { ShownService } from '../../../../hooks/agent/shown-service.ts';

const on = (port: number, parts: Partial<Candidate> = {}): Candidate => ({
  port,
  address: '127.0.0.1',
  speaks: 'http',
  purpose: 'page',
  isPublic: true,
  isWatched: false,
  isProcessKnown: true,
  ageSeconds: 10,
  ...parts,
});
const select = (candidates: Candidate[], chosen: number | null = null, isDebuggerConfirmed = false) => {
  const choice = chosen === null ? null : { port: chosen, isDebuggerConfirmed };
  const service = selectService(candidates, 3001, choice);
  return service && `${service.port} ${service.reason}`;
};

test.each<[string, Candidate[], number | null, string | null]>([
  ['no listener: none', [], null, null],
  ['the only web server', [on(5173)], null, '5173 only-web-server'],
  [
    '$PORT takes precedence over other ports',
    [on(5173, { isWatched: true }), on(3001, { ageSeconds: 99 })],
    null,
    '3001 port-variable',
  ],
  ['$PORT is selected before it has answered', [on(3001, { speaks: null })], null, '3001 port-variable'],
  [
    '$PORT that is not a web server is skipped',
    [on(3001, { speaks: 'other' }), on(5173)],
    null,
    '5173 only-web-server',
  ],
  [
    'a watched command takes precedence over a newer server',
    [on(5173, { isWatched: true, ageSeconds: 50 }), on(8080, { ageSeconds: 1 })],
    null,
    '5173 watched-command',
  ],
  [
    'the newest of several web servers',
    [on(5173, { ageSeconds: 50 }), on(8080, { ageSeconds: 1 })],
    null,
    '8080 newest-web-server',
  ],
  ['a port that is not a web server is not selected', [on(9229, { speaks: 'other' })], null, null],
  ['a debugger is not selected, even alone', [on(9229, { purpose: 'debugger' })], null, null],
  [
    'a debugger on $PORT is not selected',
    [on(3001, { purpose: 'debugger' }), on(5173)],
    null,
    '5173 only-web-server',
  ],
  [
    'a debugger that a watched command starts is not selected',
    [on(9229, { purpose: 'debugger', isWatched: true, ageSeconds: 1 }), on(5173)],
    null,
    '5173 only-web-server',
  ],
  ['what may be a debugger is not selected', [on(9229, { purpose: null })], null, null],
  [
    'what may be a debugger is not selected on $PORT',
    [on(3001, { purpose: null, speaks: null })],
    null,
    null,
  ],
  [
    'a chosen debugger is skipped',
    [on(9229, { purpose: 'debugger' }), on(5173)],
    9229,
    '5173 only-web-server',
  ],
  ['a chosen port that may be a debugger is skipped', [on(9229, { purpose: null })], 9229, null],
  ['a database page is not selected', [on(9200, { purpose: 'admin' })], null, null],
  ['a database page on $PORT is selected', [on(3001, { purpose: 'admin' })], null, '3001 port-variable'],
  ['a chosen database page is selected', [on(9200, { purpose: 'admin' }), on(3001)], 9200, '9200 chosen'],
  ['a port that has not answered is not selected', [on(5432, { speaks: null })], null, null],
  ['the chosen port takes precedence over all', [on(3001), on(4000, { speaks: null })], 4000, '4000 chosen'],
  ['a chosen port on which nothing listens is skipped', [on(3001)], 4000, '3001 port-variable'],
  [
    'private servers are never selected',
    [on(3001, { isPublic: false }), on(4000, { isPublic: false })],
    4000,
    null,
  ],
])('%s', (_name, candidates, chosen, expected) => {
  expect(select(candidates, chosen)).toBe(expected);
});

test.each(['debugger', null] as const)(
  'with a confirmed warning, a chosen port with purpose %p is selected',
  (purpose) => {
    expect(select([on(9229, { purpose }), on(3001)], 9229, true)).toBe('9229 chosen');
    expect(select([on(9229, { purpose }), on(3001)], 9230, true)).toBe('3001 port-variable');
  },
);

test('a server that answered in HTTPS is forwarded with that scheme', () => {
  expect(selectService([on(5173, { speaks: 'https' })], 3001, null)?.scheme).toBe('https');
});

const page = on(5173, { isWatched: true, ageSeconds: 50 });
const api = (parts: Partial<Candidate> = {}) => on(5000, { isWatched: true, ageSeconds: 49, ...parts });

test.each<[string, Candidate[], number | null, string]>([
  ['page and API start together: the page', [page, api()], null, '5173 watched-command'],
  ['the API was first: the page takes the link', [page, api()], 5000, '5173 watched-command'],
  ['the API restarts: the page keeps the link', [page, api({ ageSeconds: 1 })], 5173, '5173 watched-command'],
  [
    'the API restarts, and its command is not watched',
    [on(3000, { ageSeconds: 50 }), on(5000)],
    3000,
    '3000 first-web-server',
  ],
  [
    'a test starts a server: the app keeps the link',
    [on(4999, { ageSeconds: 9 }), on(41234)],
    4999,
    '4999 first-web-server',
  ],
  [
    'a test starts a server on a usual port',
    [on(3000, { ageSeconds: 9 }), on(8080)],
    3000,
    '3000 first-web-server',
  ],
  [
    'a watched command takes the link',
    [on(4999), on(4000, { isWatched: true })],
    4999,
    '4000 watched-command',
  ],
  [
    'another page is shown that is gone: the page takes the link, not an API that is newer',
    [on(3000, { isWatched: true, ageSeconds: 50 }), api({ ageSeconds: 1 })],
    5173,
    '3000 watched-command',
  ],
  ['what is shown is gone', [on(4000)], 4999, '4000 only-web-server'],
])('%s', (_name, candidates, shownPort, expected) => {
  const service = selectService(candidates, 3001, null, shownPort === null ? [] : [shownPort]);
  expect(`${service?.port} ${service?.reason}`).toBe(expected);
});

describe('a server that restarts', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('gets the link back; the other one is shown after 3 s, and keeps the link after a minute', () => {
    const shown = new ShownService();
    const select = (...candidates: Candidate[]) => shown.select(candidates, 3001, null)?.port ?? null;
    const [app, other, third] = [on(4999), on(5000), on(5001)];
    expect(select(app)).toBe(4999);
    expect(select(app, other)).toBe(4999);
    jest.advanceTimersByTime(2900);
    expect(select(app, other)).toBe(4999);
    jest.advanceTimersByTime(2900);
    expect(select(other)).toBeNull();
    // It listens again, but has not answered yet.
    expect(select({ ...app, speaks: null }, other)).toBeNull();
    // Its process is not known yet, so neither is that it belongs to a watched command.
    expect(select({ ...app, isProcessKnown: false }, { ...other, isWatched: true })).toBeNull();
    expect(select(app, other)).toBe(4999);
    jest.advanceTimersByTime(3100);
    expect(select(other)).toBe(5000);
    expect(select(third, other)).toBe(5000);
    expect(select(app, other)).toBe(4999);
    jest.advanceTimersByTime(60_100);
    expect(select(other)).toBe(5000);
    expect(select(app, other)).toBe(5000);
  });

  test('does not delay the port that the student chooses, nor $PORT', () => {
    const shown = new ShownService();
    shown.select([on(4999), on(5000)], 3001, null);
    const choice = { port: 5000, isDebuggerConfirmed: false };
    expect(shown.select([on(5000)], 3001, choice)?.port).toBe(5000);
    expect(shown.select([on(3001)], 3001, null)?.port).toBe(3001);
  });
});
