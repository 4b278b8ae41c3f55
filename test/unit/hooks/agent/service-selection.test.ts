import { type Candidate, chooseService } from '../../../../hooks/agent/service-selection.ts';

const on = (port: number, parts: Partial<Candidate> = {}): Candidate => ({
  port,
  address: '127.0.0.1',
  speaks: 'http',
  isPublic: true,
  watched: false,
  ageSeconds: 10,
  ...parts,
});
const choose = (candidates: Candidate[], chosen: number | null = null) => {
  const service = chooseService(candidates, 3001, chosen);
  return service && `${service.port} ${service.reason}`;
};

test.each<[string, Candidate[], number | null, string | null]>([
  ['nothing', [], null, null],
  ['one that answers', [on(5173)], null, '5173 only-web-server'],
  [
    '$PORT before all others',
    [on(5173, { watched: true }), on(3001, { ageSeconds: 99 })],
    null,
    '3001 port-variable',
  ],
  ['$PORT before it has answered', [on(3001, { speaks: null })], null, '3001 port-variable'],
  ['$PORT that is no web server', [on(3001, { speaks: 'other' }), on(5173)], null, '5173 only-web-server'],
  [
    'the watched command before a newer one',
    [on(5173, { watched: true, ageSeconds: 50 }), on(8080, { ageSeconds: 1 })],
    null,
    '5173 watched-command',
  ],
  [
    'the newest of several',
    [on(5173, { ageSeconds: 50 }), on(8080, { ageSeconds: 1 })],
    null,
    '8080 newest-web-server',
  ],
  ['a debugger', [on(9229, { speaks: 'other' })], null, null],
  ['what has not answered', [on(5432, { speaks: null })], null, null],
  ['the choice before all', [on(3001), on(4000, { speaks: null })], 4000, '4000 chosen'],
  ['a choice that does not listen', [on(3001)], 4000, '3001 port-variable'],
  ['a shell without PORT', [on(3001, { isPublic: false }), on(4000, { isPublic: false })], 4000, null],
])('%s', (_name, candidates, chosen, expected) => {
  expect(choose(candidates, chosen)).toBe(expected);
});

test('HTTPS is told by its answer', () => {
  expect(chooseService([on(5173, { speaks: 'https' })], 3001, null)?.scheme).toBe('https');
});
