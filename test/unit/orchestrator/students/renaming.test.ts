/** Everybody gets the hostname that the settings give, and nobody one that somebody else has. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { pino } from 'pino';
import type { Edge } from '../../../../orchestrator/edges/edge.ts';
import { createLocalEdge } from '../../../../orchestrator/edges/local/index.ts';
import { openStore } from '../../../../orchestrator/store/index.ts';
import { updateHostnames } from '../../../../orchestrator/students/renaming.ts';
import { Roster } from '../../../../orchestrator/students/roster.ts';

let folder: string;
let stores = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-renaming-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Students with the hostnames that they have, and an edge that gives others. */
function parts(had: Record<string, string>, give: (student: string) => string | null) {
  const store = openStore(join(folder, `${++stores}.db`));
  const roster = new Roster(store);
  let port = 3000;
  for (const [name, hostname] of Object.entries(had)) {
    roster.insert({
      name,
      port: ++port,
      hostname,
      socketId: name,
      createdAt: '2026-01-01T00:00:00.000Z',
      state: { kind: 'present' },
      shouldRun: true,
      routeMemory: null,
      noticeMemory: null,
    });
  }
  const edge = { knownHostname: give } as unknown as Edge;
  const hostnames = () => Object.fromEntries(store.students().map(({ name, hostname }) => [name, hostname]));
  return { roster, edge, log: pino({ level: 'silent' }), hostnames };
}

test('on disk, all at once, though one gets what another had', () => {
  const given: Record<string, string> = { a: 'b.test', b: 'a.test', c: 'c.test' };
  const { hostnames, ...rest } = parts(
    { a: 'a.test', b: 'b.test', c: 'c.test' },
    (student) => given[student] ?? null,
  );
  expect(updateHostnames(rest).map(({ row }) => [row.name, row.hostname])).toEqual([
    ['a', 'b.test'],
    ['b', 'a.test'],
  ]);
  expect(hostnames()).toEqual(given);
  expect(updateHostnames(rest)).toEqual([]);
});

test('what is not known yet changes nothing', () => {
  const { hostnames, ...rest } = parts({ a: 'a.test' }, () => null);
  expect(updateHostnames(rest)).toEqual([]);
  expect(hostnames()).toEqual({ a: 'a.test' });
});

test('two who would get one hostname: one does, the other keeps what they have and is told, and so for whoever that is in the way of', () => {
  const given: Record<string, string> = { a: 'one.test', b: 'one.test', c: 'b.test' };
  const { hostnames, ...rest } = parts(
    { a: 'a.test', b: 'b.test', c: 'c.test' },
    (student) => given[student] ?? null,
  );
  updateHostnames(rest);
  expect(hostnames()).toEqual({ a: 'one.test', b: 'b.test', c: 'c.test' });
  expect(rest.roster.get('a').nameClash).toBeNull();
  expect(rest.roster.get('b').nameClash).toMatchObject({
    code: 'conflict',
    what: "'b' would get the hostname one.test, which 'a' gets, and keeps b.test.",
    next: expect.stringMatching(/DEVENV_HOSTNAME/),
  });
  expect(rest.roster.get('c').nameClash).not.toBeNull();
});

test('no template gives two names one hostname', () => {
  const name = fc.stringMatching(/^[ab-]{1,6}$/);
  const template = fc
    .array(fc.constantFrom('{student}', 'a', 'b', '-', '.'), { minLength: 1, maxLength: 6 })
    .filter((pieces) => pieces.includes('{student}'))
    .map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(template, name, name, (hostname, one, other) => {
      const edge = createLocalEdge({
        listen: '127.0.0.1:0',
        hostname,
        instance: 'test',
        log: pino({ level: 'silent' }),
      });
      return one === other || edge.knownHostname(one) !== edge.knownHostname(other);
    }),
  );
});
