/** Each student gets the hostname that the settings give, and no two students get the same one. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { pino } from 'pino';
import type { Edge } from '../../../../orchestrator/edges/edge.ts';
import type { Routes } from '../../../../orchestrator/routes/index.ts';
import { openStore } from '../../../../orchestrator/store/index.ts';
import {
  additionalRoute,
  newHostname,
  updateHostnames,
} from '../../../../orchestrator/students/hostnames.ts';
import { Roster } from '../../../../orchestrator/students/roster.ts';
import type { Student } from '../../../../orchestrator/students/student.ts';
import { createInProcessEdge } from '../../../support/in-process-edge.ts';

/** The student alice exists; the template keeps only the first letter of a name. */
function depsWith(links: string[] = []) {
  const alice = { row: { name: 'alice', hostname: 'a.example.com' } } as Student;
  const roster = { all: () => [alice], find: (name: string) => (name === 'alice' ? alice : undefined) };
  const edge = { hostname: async (name: string) => `${name[0]}.example.com`, checkHostname: () => undefined };
  const routes = { isLink: (hostname: string) => links.includes(hostname) };
  return {
    alice,
    edge: edge as unknown as Edge,
    roster: roster as unknown as Roster,
    routes: routes as unknown as Routes,
  };
}

test('a hostname that another student has is refused, and the error names that student', async () => {
  await expect(newHostname('anna', depsWith())).rejects.toMatchObject({
    code: 'conflict',
    what: expect.stringMatching(/anna.*a\.example\.com.*alice/),
  });
  expect(await newHostname('bob', depsWith())).toBe('b.example.com');
});

test('a name that exists, and a hostname that is an additional link, are refused', async () => {
  await expect(newHostname('alice', depsWith())).rejects.toMatchObject({ code: 'exists' });
  await expect(newHostname('bob', depsWith(['b.example.com']))).rejects.toMatchObject({ code: 'conflict' });
});

/** A student, and an edge whose hostnames come from a template; null: it is not known yet. */
function additionalLinkDeps(name: string, template: string | null, others: string[] = []) {
  const hostnameOf = (student: string) => template?.replaceAll('{student}', student) ?? null;
  const student = { row: { name, hostname: hostnameOf(name), port: 3001 } } as Student;
  const all = [student, ...others.map((other) => ({ row: { name: other, hostname: 'x.example.com' } }))];
  const edge = { knownHostname: hostnameOf, checkHostname: () => undefined } as unknown as Edge;
  return { student, edge, roster: { all: () => all } as unknown as Roster };
}

test('an additional link never takes the hostname of an existing student', () => {
  const { student, ...parts } = additionalLinkDeps('alice', '{student}.example.com');
  expect(additionalRoute(student, 4000, parts)).toEqual({
    id: 'alice-4000',
    owner: 'alice',
    hostname: 'alice-4000.example.com',
    origin: 'http://127.0.0.1:3001',
  });
  const crowded = additionalLinkDeps('alice', '{student}.example.com', ['alice-4000']);
  expect(additionalRoute(student, 4000, crowded)).toBeNull();
});

test('the hostname of an additional link comes from the template', () => {
  const { student, ...parts } = additionalLinkDeps('s', 'class-{student}.example.com');
  expect(additionalRoute(student, 4000, parts)?.hostname).toBe('class-s-4000.example.com');
  const unknown = additionalLinkDeps('s', null);
  expect(additionalRoute(unknown.student, 4000, unknown)).toBeNull();
});

let folder: string;
let stores = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'devenv-renaming-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Students with their current hostnames, and an edge that gives others. */
function studentsWith(had: Record<string, string>, give: (student: string) => string | null) {
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
      relayKey: null,
      uid: port,
    });
  }
  const edge = { knownHostname: give } as unknown as Edge;
  const hostnames = () => Object.fromEntries(store.students().map(({ name, hostname }) => [name, hostname]));
  return { roster, edge, log: pino({ level: 'silent' }), hostnames };
}

test('hostnames change on disk in one transaction, even if two students swap them', () => {
  const given: Record<string, string> = { a: 'b.test', b: 'a.test', c: 'c.test' };
  const { hostnames, ...rest } = studentsWith(
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

test('hostnames that are not known yet change nothing', () => {
  const { hostnames, ...rest } = studentsWith({ a: 'a.test' }, () => null);
  expect(updateHostnames(rest)).toEqual([]);
  expect(hostnames()).toEqual({ a: 'a.test' });
});

test('two students who would get the same hostname: one gets it, the other keeps the current one, and so on for those whom that blocks', () => {
  const given: Record<string, string> = { a: 'one.test', b: 'one.test', c: 'b.test' };
  const { hostnames, ...rest } = studentsWith(
    { a: 'a.test', b: 'b.test', c: 'c.test' },
    (student) => given[student] ?? null,
  );
  updateHostnames(rest);
  expect(hostnames()).toEqual({ a: 'one.test', b: 'b.test', c: 'c.test' });
  expect(rest.roster.get('a').hostnameConflict).toBeNull();
  expect(rest.roster.get('b').hostnameConflict).toMatchObject({
    code: 'conflict',
    what: "'b' and 'a' would both get the hostname one.test. 'b' keeps b.test.",
    next: expect.stringMatching(/DEVENV_HOSTNAME/),
  });
  expect(rest.roster.get('c').hostnameConflict).not.toBeNull();
});

test('no template gives two names the same hostname', () => {
  const name = fc.stringMatching(/^[ab-]{1,6}$/);
  const template = fc
    .array(fc.constantFrom('{student}', 'a', 'b', '-', '.'), { minLength: 1, maxLength: 6 })
    .filter((pieces) => pieces.includes('{student}'))
    .map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(template, name, name, (hostname, one, other) => {
      const edge = createInProcessEdge({ hostname });
      return one === other || edge.knownHostname(one) !== edge.knownHostname(other);
    }),
  );
});
