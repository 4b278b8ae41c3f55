/** The hostnames of a student's links, and which of them are closed. */
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

test('the own link is open before the first state; if that state closes it, its visitors are disconnected', () => {
  const links = new KnownLinks('alice.test');
  expect([links.isOwnLinkOpen, links.additional]).toEqual([true, []]);
  expect(links.updateFrom(state('closed'))).toEqual(['alice.test']);
  expect(links.isOwnLinkOpen).toBe(false);
});

test.each(['opening', 'open'] as const)('while the link is %s, no visitor is disconnected', (phase) => {
  const links = new KnownLinks('alice.test');
  expect(links.updateFrom(state(phase, 4000))).toEqual([]);
  expect([links.isOwnLinkOpen, links.additional]).toEqual([true, [{ ...link(4000), isOpen: true }]]);
});

test('an additional link that has closed stays known as closed until it opens again', () => {
  const links = new KnownLinks('alice.test');
  links.updateFrom(state('open', 4000, 5000));
  expect(links.updateFrom(state('open', 5000))).toEqual(['alice-4000.test']);
  expect(links.additional).toEqual(
    expect.arrayContaining([
      { ...link(4000), isOpen: false },
      { ...link(5000), isOpen: true },
    ]),
  );
  expect(links.updateFrom(state('open', 4000, 5000))).toEqual([]);
});

test('additional links close together with the own link', () => {
  const links = new KnownLinks('alice.test');
  links.updateFrom(state('open', 4000));
  expect(links.updateFrom(state('closing', 4000))).toEqual(['alice.test', 'alice-4000.test']);
  expect(links.additional).toEqual([{ ...link(4000), isOpen: false }]);
});

test('a student who tries every port fills no memory, and open links stay known', () => {
  const links = new KnownLinks('alice.test');
  for (let port = 4000; port < 5000; port += 1) links.updateFrom(state('open', 3999, port));
  expect(links.additional.length).toBeLessThanOrEqual(32);
  const open = links.additional.filter(({ isOpen }) => isOpen).map(({ port }) => port);
  expect(open).toEqual([3999, 4999]);
});

test('visitors of a previous hostname are disconnected', () => {
  const links = new KnownLinks('alice.test');
  links.updateFrom(state('open'));
  expect(links.updateFrom({ ...state('open'), hostname: 'alice.example.com' })).toEqual(['alice.test']);
});

test('visitors who came before the first state, under the hostname of the container, are disconnected after a rename', () => {
  const links = new KnownLinks('alice.test');
  expect(links.updateFrom({ ...state('open'), hostname: 'alice.example.com' })).toEqual(['alice.test']);
  expect(links.updateFrom({ ...state('open'), hostname: 'alice.example.com' })).toEqual([]);
});

test('without a hostname from the container, the first state has the only one', () => {
  const links = new KnownLinks(undefined);
  expect(links.updateFrom(state('open'))).toEqual([]);
  expect(links.updateFrom(state('closed'))).toEqual(['alice.test']);
});
