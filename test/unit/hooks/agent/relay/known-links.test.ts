/** The names by which visitors come to a student, and which of them are closed. */
import { KnownLinks } from '../../../../../hooks/agent/relay/known-links.ts';
import type { LinkPhase } from '../../../../../orchestrator/domain.ts';
import { PROTOCOL_VERSION } from '../../../../../orchestrator/protocol/constants.ts';
import type { StateMessage } from '../../../../../orchestrator/protocol/messages.ts';

const link = (port: number) => ({
  port,
  hostname: `alice-${port}.test`,
  url: `http://alice-${port}.test:8080`,
});

const state = (phase: LinkPhase, ...ports: number[]): StateMessage => ({
  kind: 'state',
  protocol: PROTOCOL_VERSION,
  instance: 'test',
  student: 'alice',
  hostname: 'alice.test',
  url: 'http://alice.test:8080',
  port: 3001,
  additionalLinks: ports.map(link),
  watchedCommands: [],
  sessionHolders: [],
  link: { phase, detail: '' },
  notes: [],
  notices: [],
});

test('before the first state the own link is let in; where that is unwanted, who came is sent away', () => {
  const links = new KnownLinks('alice.test');
  expect([links.isWanted, links.further]).toEqual([true, []]);
  expect(links.take(state('closed'))).toEqual(['alice.test']);
  expect(links.isWanted).toBe(false);
});

test.each(['opening', 'open'] as const)('while it is %s nobody is sent away', (phase) => {
  const links = new KnownLinks('alice.test');
  expect(links.take(state(phase, 4000))).toEqual([]);
  expect([links.isWanted, links.further]).toEqual([true, [{ ...link(4000), isWanted: true }]]);
});

test('a further link that is gone is known, and unwanted, until it is back', () => {
  const links = new KnownLinks('alice.test');
  links.take(state('open', 4000, 5000));
  expect(links.take(state('open', 5000))).toEqual(['alice-4000.test']);
  expect(links.further).toEqual(
    expect.arrayContaining([
      { ...link(4000), isWanted: false },
      { ...link(5000), isWanted: true },
    ]),
  );
  expect(links.take(state('open', 4000, 5000))).toEqual([]);
});

test('with the own link all further ones are unwanted', () => {
  const links = new KnownLinks('alice.test');
  links.take(state('open', 4000));
  expect(links.take(state('closing', 4000))).toEqual(['alice.test', 'alice-4000.test']);
  expect(links.further).toEqual([{ ...link(4000), isWanted: false }]);
});

test('a student who tries every port is not remembered without end, and what is open stays known', () => {
  const links = new KnownLinks('alice.test');
  for (let port = 4000; port < 5000; port += 1) links.take(state('open', 3999, port));
  expect(links.further.length).toBeLessThanOrEqual(32);
  const open = links.further.filter(({ isWanted }) => isWanted).map(({ port }) => port);
  expect(open).toEqual([3999, 4999]);
});

test('who is at a name that the student had before is sent away', () => {
  const links = new KnownLinks('alice.test');
  links.take(state('open'));
  expect(links.take({ ...state('open'), hostname: 'alice.example.com' })).toEqual(['alice.test']);
});

test('who came before any state by the name that the container was made with is sent away after a renaming', () => {
  const links = new KnownLinks('alice.test');
  expect(links.take({ ...state('open'), hostname: 'alice.example.com' })).toEqual(['alice.test']);
  expect(links.take({ ...state('open'), hostname: 'alice.example.com' })).toEqual([]);
});

test('where the container was made without a name, the first state has the only one', () => {
  const links = new KnownLinks(undefined);
  expect(links.take(state('open'))).toEqual([]);
  expect(links.take(state('closed'))).toEqual(['alice.test']);
});
