/** Owner tags, and what has to be done to records. */
import fc from 'fast-check';
import type { DnsRecord } from '../../../../../../orchestrator/edges/cloudflare/api/client.ts';
import { bisect, bisectHalves } from '../../../../../../orchestrator/edges/cloudflare/apply/bisect.ts';
import {
  MAX_TAG_CHARS,
  ownedRecords,
  ownerTag,
  parseOwnerTag,
} from '../../../../../../orchestrator/edges/cloudflare/plan/ownership.ts';
import {
  batchOf,
  draftOf,
  planRecords,
  withChanges,
} from '../../../../../../orchestrator/edges/cloudflare/plan/records.ts';

import { routeId } from '../../../../../../orchestrator/edges/edge.ts';
import { ownRoute } from '../../../../../support/own-route.ts';

const names = { instance: 'lab', tunnelId: 'ABC-1' };
const { id, owner, hostname } = ownRoute('alice', 'alice.example.com');
const alice = { id, owner, hostname };
const ours: DnsRecord = { ...draftOf(names, alice), id: '1' };
const foreign = (type: string, content: string, comment: string | null = null): DnsRecord => ({
  id: `${type}-${content}`,
  name: alice.hostname,
  type,
  content,
  proxied: false,
  comment,
});

test('an owner tag is parsed by its own instance only, and no other comment is', () => {
  expect(ownerTag('lab', alice.id)).toBe('devenv lab/alice');
  expect(parseOwnerTag('devenv lab/alice', 'lab')).toBe('alice');
  for (const comment of [
    null,
    undefined,
    '',
    'devenv',
    'devenv lab/',
    'devenv lab2/alice',
    'devenv la/b',
    ' devenv lab/alice',
    'Devenv lab/alice',
  ])
    expect(parseOwnerTag(comment, 'lab')).toBeNull();
});

const seed = Date.now() % 2 ** 31;
const name = (most: number) => fc.stringMatching(new RegExp(`^[a-z0-9]([a-z0-9-]{0,${most - 2}}[a-z0-9])?$`));

test(`any valid names fit, tell students apart, and are ours again (seed ${seed})`, () => {
  fc.assert(
    fc.property(name(32), name(63), name(63), (instance, one, other) => {
      const mark = ownerTag(instance, routeId(one));
      expect(mark.length).toBeLessThanOrEqual(MAX_TAG_CHARS);
      expect(parseOwnerTag(mark, instance)).not.toBeNull();
      if (one !== other) expect(mark).not.toBe(ownerTag(instance, routeId(other)));
    }),
    { seed, numRuns: 500 },
  );
  const longest = ownerTag('i'.repeat(32), routeId('s'.repeat(63)));
  expect(longest).toHaveLength(100);
  expect(longest).toMatch(/^devenv i{32}\/s+~[0-9a-f]{8}$/);
});

interface Case {
  what: string;
  records: DnsRecord[];
  adopt?: boolean;
  changes: string[];
  conflicts?: number;
}
const cases: Case[] = [
  { what: 'nothing there', records: [], changes: ['create'] },
  { what: 'as it was written', records: [ours], changes: [] },
  { what: 'led elsewhere by hand', records: [{ ...ours, content: 'x.example.net' }], changes: ['repair'] },
  { what: 'not proxied', records: [{ ...ours, proxied: false }], changes: ['repair'] },
  {
    what: 'of another type with our owner tag',
    records: [{ ...ours, type: 'A', content: '192.0.2.1' }],
    changes: ['repair'],
  },
  {
    what: 'two of another type with our owner tag',
    records: [
      { ...ours, type: 'A', content: '192.0.2.1' },
      { ...ours, id: '2', type: 'AAAA', content: '2001:db8::1' },
    ],
    changes: ['repair'],
  },
  {
    what: 'of another type with our owner tag, beside an address',
    records: [{ ...ours, type: 'A', content: '192.0.2.1' }, foreign('A', '192.0.2.2')],
    changes: [],
    conflicts: 1,
  },
  {
    what: 'of another type with our owner tag, beside an address, adopted',
    records: [{ ...ours, type: 'A', content: '192.0.2.1' }, foreign('A', '192.0.2.2')],
    adopt: true,
    changes: ['adopt'],
  },
  {
    what: 'with text added to the owner tag',
    records: [{ ...ours, comment: 'devenv lab/alice!' }],
    changes: ['repair'],
  },
  {
    what: 'of another student of ours',
    records: [{ ...ours, comment: 'devenv lab/bob' }],
    changes: ['repair'],
  },
  { what: 'without the owner tag', records: [{ ...ours, comment: null }], changes: [], conflicts: 1 },
  {
    what: 'with another instance’s owner tag',
    records: [{ ...ours, comment: 'devenv annex/alice' }],
    changes: [],
    conflicts: 1,
  },
  { what: 'an address', records: [foreign('A', '192.0.2.1')], changes: [], conflicts: 1 },
  {
    what: 'two addresses, adopted',
    records: [foreign('A', '192.0.2.1'), foreign('AAAA', '2001:db8::1')],
    adopt: true,
    changes: ['adopt'],
  },
  {
    what: 'an address and mail, adopted',
    records: [foreign('A', '192.0.2.1'), foreign('MX', 'mail.')],
    adopt: true,
    changes: [],
    conflicts: 1,
  },
  { what: 'ours, adopted', records: [ours], adopt: true, changes: [] },
  { what: 'another name’s', records: [{ ...ours, name: 'other.example.com' }], changes: ['create'] },
];

test.each(cases)('a record that is $what', ({ records, adopt = false, changes, conflicts = 0 }) => {
  const plan = planRecords(records, [{ ...alice, adopt }], names);
  expect(plan.changes.map(({ kind }) => kind)).toEqual(changes);
  expect(plan.conflicts).toHaveLength(conflicts);
  // What the plan says, done, leaves nothing to do.
  const batch = batchOf(plan.changes, names);
  const made = [...batch.patches, ...batch.posts].map((draft, index) => ({ id: `new${index}`, ...draft }));
  const after = withChanges(records, plan.changes, made);
  if (conflicts === 0)
    expect(planRecords(after, [{ ...alice, adopt: false }], names)).toEqual({ changes: [], conflicts: [] });
  for (const { id } of batch.deletes) expect(after.map((record) => record.id)).not.toContain(id);
});

test('a batch deletes before it posts, and patches only what can be', () => {
  const repaired = batchOf(
    [{ kind: 'repair', route: alice, record: { ...ours, type: 'A' }, surplus: [] }],
    names,
  );
  expect(repaired).toMatchObject({
    deletes: [{ id: '1' }],
    patches: [],
    posts: [{ type: 'CNAME', content: 'abc-1.cfargotunnel.com', proxied: true, ttl: 1 }],
  });
  expect(batchOf([{ kind: 'repair', route: alice, record: ours, surplus: [] }], names)).toMatchObject({
    deletes: [],
    patches: [{ id: '1' }],
    posts: [],
  });
  expect(batchOf([{ kind: 'remove', route: alice, record: ours }], names)).toEqual({
    deletes: [{ id: '1' }],
    patches: [],
    posts: [],
  });
  expect(ownedRecords([ours, foreign('A', '1')], 'lab')).toEqual([{ record: ours, id: 'alice' }]);
});

test(`any culprits end up alone, everybody else through, within few tries (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 199 }), { maxLength: 4 }),
      async (count, bad) => {
        const items = Array.from({ length: count }, (_, index) => index);
        const culprits = bad.filter((item) => item < count);
        for (const run of [bisect<number>, ...(count > 1 ? [bisectHalves<number>] : [])]) {
          const through: number[] = [];
          const alone: number[] = [];
          let tries = 0;
          await run(items, async (part, isAlone) => {
            tries += 1;
            const isBad = part.some((item) => culprits.includes(item));
            if (!isBad) through.push(...part);
            else if (isAlone) alone.push(...part);
            return !isBad;
          });
          expect(alone.sort()).toEqual([...culprits].sort());
          expect(through).toHaveLength(count - culprits.length);
          expect(tries).toBeLessThanOrEqual(
            1 + 2 * culprits.length * Math.ceil(Math.log2(count + 1)) + (run === bisect ? 0 : 1),
          );
        }
      },
    ),
    { seed, numRuns: 200 },
  );
});
