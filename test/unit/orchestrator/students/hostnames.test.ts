/** Nobody gets a hostname that somebody else has. */
import type { Edge } from '../../../../orchestrator/edges/edge.ts';
import type { Routes } from '../../../../orchestrator/routes/index.ts';
import { furtherLink, newHostname } from '../../../../orchestrator/students/hostnames.ts';
import type { Roster, Student } from '../../../../orchestrator/students/roster.ts';

/** Alice is there; the template leaves nothing of a name but its first letter. */
function parts(links: string[] = []) {
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

test('two names that would give one hostname: the second is refused, and told whose it is', async () => {
  await expect(newHostname('anna', parts())).rejects.toMatchObject({
    code: 'conflict',
    what: expect.stringMatching(/anna.*a\.example\.com.*alice/),
  });
  expect(await newHostname('bob', parts())).toBe('b.example.com');
});

test('a name that is there, and a hostname that is a further link right now, are refused', async () => {
  await expect(newHostname('alice', parts())).rejects.toMatchObject({ code: 'exists' });
  await expect(newHostname('bob', parts(['b.example.com']))).rejects.toMatchObject({ code: 'conflict' });
});

/** A student, and an edge whose hostnames are made from a template; null: it isn't known yet. */
function linkParts(name: string, template: string | null, others: string[] = []) {
  const hostnameOf = (student: string) => template?.replaceAll('{student}', student) ?? null;
  const student = { row: { name, hostname: hostnameOf(name), port: 3001 } } as Student;
  const all = [student, ...others.map((other) => ({ row: { name: other, hostname: 'x.example.com' } }))];
  const edge = { knownHostname: hostnameOf, checkHostname: () => undefined } as unknown as Edge;
  return { student, edge, roster: { all: () => all } as unknown as Roster };
}

test('a further link never takes the hostname of somebody who is there', () => {
  const { student, ...parts } = linkParts('alice', '{student}.example.com');
  expect(furtherLink(student, 4000, parts)).toEqual({
    id: 'alice-4000',
    owner: 'alice',
    hostname: 'alice-4000.example.com',
    origin: 'http://127.0.0.1:3001',
  });
  const crowded = linkParts('alice', '{student}.example.com', ['alice-4000']);
  expect(furtherLink(student, 4000, crowded)).toBeNull();
});

test('a further link’s hostname comes from the template, wherever the student’s name stands in it', () => {
  const { student, ...parts } = linkParts('s', 'class-{student}.example.com');
  expect(furtherLink(student, 4000, parts)?.hostname).toBe('class-s-4000.example.com');
  const unknown = linkParts('s', null);
  expect(furtherLink(unknown.student, 4000, unknown)).toBeNull();
});
