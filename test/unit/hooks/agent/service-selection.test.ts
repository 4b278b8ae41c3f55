/** Which of several listeners the link shows. */
import { type Candidate, selectService } from '../../../../hooks/agent/service-selection.ts';

const on = (port: number, parts: Partial<Candidate> = {}): Candidate => ({
  port,
  address: '127.0.0.1',
  speaks: 'http',
  isPublic: true,
  isWatched: false,
  ageSeconds: 10,
  ...parts,
});
const select = (candidates: Candidate[], chosen: number | null = null) => {
  const service = selectService(candidates, 3001, chosen);
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
  ['a debugger is never selected', [on(9229, { speaks: 'other' })], null, null],
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

test('a server that answered in HTTPS is forwarded with that scheme', () => {
  expect(selectService([on(5173, { speaks: 'https' })], 3001, null)?.scheme).toBe('https');
});
