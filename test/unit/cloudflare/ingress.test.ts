/** The merge of our rules into a tunnel's document. */
import fc from 'fast-check';
import type { JsonObject } from '../../../orchestrator/edges/cloudflare/api.ts';
import {
  matches,
  mergeIngress,
  originOf,
  uncoveredRules,
  type WantedIngress,
  wayOf,
} from '../../../orchestrator/edges/cloudflare/ingress.ts';

const CATCH_ALL = { service: 'http_status:404' };
const ours = (student: string, port = 3001) => ({
  hostname: `${student}.example.com`,
  service: `http://127.0.0.1:${port}`,
});

/** Alice and bob exist, with marked records; who is open is given. */
function wanted(open: readonly string[], parts: Partial<WantedIngress> = {}): WantedIngress {
  const ports = { alice: 3001, bob: 3002 };
  const origins = new Map(
    Object.entries(ports).map(([name, port]) => [`${name}.example.com`, `http://127.0.0.1:${port}`]),
  );
  return {
    open: new Map(open.map((name) => [`${name}.example.com`, origins.get(`${name}.example.com`) ?? ''])),
    ways: new Set([...origins].map(([hostname, origin]) => wayOf(hostname, origin))),
    covered: new Set(origins.keys()),
    claimed: new Set(),
    adopted: new Set(),
    ...parts,
  };
}

interface Case {
  what: string;
  rules: JsonObject[];
  open: string[];
  parts?: Partial<WantedIngress>;
  becomes: JsonObject[];
  found?: string[];
  clashes?: string[];
}

const none = { covered: new Set<string>(), origins: new Map<string, string>() };
const claimed = { ...none, claimed: new Set(['alice.example.com']) };
const shop = { hostname: 'shop.example.com', service: 'http://10.0.0.1:80' };
const wild = { hostname: '*.example.com', service: 'http://10.0.0.2:80' };
const wildPath = { hostname: '*.example.com', path: '/x', service: 'http://10.0.0.2:80' };
const deepWild = { hostname: '*.class.example.com', service: 'http://10.0.0.2:80' };
const theirs = { hostname: 'alice.example.com', service: 'http://10.0.0.9:80' };
const theirPath = { ...theirs, path: '/old' };

const cases: Case[] = [
  {
    what: 'an empty document gets the catch-all',
    rules: [],
    open: ['alice'],
    becomes: [ours('alice'), CATCH_ALL],
    found: ['no rule'],
  },
  {
    what: 'before the catch-all',
    rules: [shop, CATCH_ALL],
    open: ['alice'],
    becomes: [shop, ours('alice'), CATCH_ALL],
    found: ['no rule'],
  },
  {
    what: 'before a catch-all written as *',
    rules: [{ hostname: '*', service: 'http_status:404' }],
    open: ['alice'],
    becomes: [ours('alice'), { hostname: '*', service: 'http_status:404' }],
    found: ['no rule'],
  },
  {
    what: 'before a wildcard',
    rules: [wild, shop, CATCH_ALL],
    open: ['alice'],
    becomes: [ours('alice'), wild, shop, CATCH_ALL],
    found: ['no rule'],
  },
  {
    what: 'before a wildcard with a path, which would take some visitors',
    rules: [wildPath, CATCH_ALL],
    open: ['alice'],
    becomes: [ours('alice'), wildPath, CATCH_ALL],
    found: ['no rule'],
  },
  {
    what: 'behind a wildcard of another level',
    rules: [deepWild, CATCH_ALL],
    open: ['alice'],
    becomes: [deepWild, ours('alice'), CATCH_ALL],
    found: ['no rule'],
  },
  {
    what: 'behind a rule of its own name with a path',
    rules: [theirPath, wild, CATCH_ALL],
    open: ['alice'],
    becomes: [theirPath, ours('alice'), wild, CATCH_ALL],
    found: ['no rule'],
  },
  {
    what: 'in the order of the names',
    rules: [CATCH_ALL],
    open: ['bob', 'alice'],
    becomes: [ours('alice'), ours('bob', 3002), CATCH_ALL],
    found: ['no rule', 'no rule'],
  },
  {
    what: 'nothing where all is right',
    rules: [ours('bob', 3002), shop, ours('alice'), CATCH_ALL],
    open: ['alice', 'bob'],
    becomes: [ours('bob', 3002), shop, ours('alice'), CATCH_ALL],
  },
  {
    what: 'nothing where only the case differs, or an empty originRequest',
    rules: [{ ...ours('alice'), hostname: 'ALICE.example.com', originRequest: {} }, CATCH_ALL],
    open: ['alice'],
    becomes: [{ ...ours('alice'), hostname: 'ALICE.example.com', originRequest: {} }, CATCH_ALL],
  },
  {
    what: 'a closed link’s rule goes',
    rules: [ours('alice'), ours('bob', 3002), CATCH_ALL],
    open: ['bob'],
    becomes: [ours('bob', 3002), CATCH_ALL],
    found: ['rule for a closed link'],
  },
  {
    what: 'a rule that leads elsewhere is put right where it stands',
    rules: [{ ...ours('alice'), service: 'http://127.0.0.1:9' }, shop, CATCH_ALL],
    open: ['alice'],
    becomes: [ours('alice'), shop, CATCH_ALL],
    found: ['rule changed'],
  },
  {
    what: 'an originRequest is taken off',
    rules: [{ ...ours('alice'), originRequest: { noTLSVerify: true } }, CATCH_ALL],
    open: ['alice'],
    becomes: [ours('alice'), CATCH_ALL],
    found: ['rule changed'],
  },
  {
    what: 'a rule behind a wildcard is moved up',
    rules: [wild, ours('alice'), CATCH_ALL],
    open: ['alice'],
    becomes: [ours('alice'), wild, CATCH_ALL],
    found: ['rule out of reach'],
  },
  {
    what: 'the second of two goes',
    rules: [ours('alice'), shop, ours('alice'), CATCH_ALL],
    open: ['alice'],
    becomes: [ours('alice'), shop, CATCH_ALL],
    found: ['rule out of reach'],
  },
  {
    what: 'a name that is about to be ours and is somebody else’s is a clash',
    rules: [theirs, CATCH_ALL],
    open: ['alice'],
    parts: claimed,
    becomes: [theirs, CATCH_ALL],
    clashes: ['alice.example.com'],
  },
  {
    what: 'a name that is not ours at all is nobody’s business',
    rules: [theirs, CATCH_ALL],
    open: [],
    parts: none,
    becomes: [theirs, CATCH_ALL],
  },
  {
    what: 'a rule that leads to the student’s own port is ours, mark or not',
    rules: [ours('alice'), CATCH_ALL],
    open: [],
    parts: { covered: new Set() },
    becomes: [CATCH_ALL],
    found: ['rule for a closed link'],
  },
  {
    what: 'at a person’s word a clash is taken over',
    rules: [theirs, CATCH_ALL],
    open: ['alice'],
    parts: { ...claimed, adopted: new Set(['alice.example.com']) },
    becomes: [ours('alice'), CATCH_ALL],
    found: ['rule of somebody else'],
  },
  {
    what: 'but not what has a path, even if it leads to the student’s port',
    rules: [{ ...ours('alice'), path: '/old' }, CATCH_ALL],
    open: ['alice'],
    parts: { adopted: new Set(['alice.example.com']) },
    becomes: [{ ...ours('alice'), path: '/old' }, ours('alice'), CATCH_ALL],
    found: ['no rule'],
  },
];

test.each(cases)('$what', ({ rules, open, parts, becomes, found = [], clashes = [] }) => {
  const openHere = new Map(
    open.map((name) => [`${name}.example.com`, `http://127.0.0.1:${name === 'bob' ? 3002 : 3001}`]),
  );
  const before = JSON.stringify(rules);
  const merged = mergeIngress({ ingress: rules }, { ...wanted(open), open: openHere, ...parts });
  expect(JSON.stringify(rules)).toBe(before);
  expect(merged.config.ingress).toEqual(becomes);
  expect(merged.changes.map((change) => change.found)).toEqual(found);
  expect(merged.clashes.map(({ hostname }) => hostname)).toEqual(clashes);
});

test('no document, or one without rules, keeps whatever else it has, in its order', () => {
  expect(mergeIngress(null, wanted(['alice'])).config).toEqual({ ingress: [ours('alice'), CATCH_ALL] });
  const merged = mergeIngress(
    { 'warp-routing': { enabled: true }, ingress: [CATCH_ALL], originRequest: { a: [1] } },
    wanted(['alice']),
  );
  expect(JSON.stringify(merged.config)).toBe(
    JSON.stringify({
      'warp-routing': { enabled: true },
      ingress: [ours('alice'), CATCH_ALL],
      originRequest: { a: [1] },
    }),
  );
});

test('where a rule leads, and which look like ours though nothing says so', () => {
  const config = {
    ingress: [
      theirPath,
      ours('alice'),
      shop,
      ours('zoe', 3009),
      { path: '/x', service: 'http://127.0.0.1:1' },
      CATCH_ALL,
    ],
  };
  expect(originOf(config, 'alice.example.com')).toBe('http://127.0.0.1:3001');
  expect(originOf(config, 'bob.example.com')).toBeNull();
  expect(uncoveredRules(config, (hostname) => hostname === 'alice.example.com' || hostname === '')).toEqual([
    { hostname: 'zoe.example.com', service: 'http://127.0.0.1:3009' },
  ]);
});

const seed = Date.now() % 2 ** 31;
const labels = ['alice', 'bob', 'shop', 'x.class', '*', '*.class'];
const rule = fc.record(
  {
    hostname: fc.constantFrom(...labels).map((label) => `${label}.example.com`),
    path: fc.constantFrom('/a', '^/b'),
    service: fc.constantFrom(
      'http://127.0.0.1:3001',
      'http://127.0.0.1:3002',
      'http://10.0.0.1:80',
      'http_status:403',
    ),
    originRequest: fc.constantFrom<JsonObject>({}, { noTLSVerify: true }),
  },
  { requiredKeys: ['hostname', 'service'] },
);

test(`whatever the document: theirs survive in order, ours are reached first, and a second merge changes nothing (seed ${seed})`, () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 8 }),
      fc.subarray(['alice', 'bob']),
      fc.subarray(['alice.example.com', 'bob.example.com']),
      (foreign, open, coveredOnes) => {
        const rules = [...foreign, CATCH_ALL] as JsonObject[];
        const covered = new Set(coveredOnes);
        const base = wanted(open, { covered, claimed: new Set(['alice.example.com', 'bob.example.com']) });
        const { config, clashes } = mergeIngress({ ingress: rules }, base);
        const result = config.ingress as JsonObject[];
        const mayBeOurs = (each: JsonObject) =>
          each.path === undefined &&
          (covered.has(String(each.hostname)) ||
            base.ways.has(wayOf(String(each.hostname), String(each.service))));
        const isTheirs = (each: JsonObject) => rules.includes(each) && !mayBeOurs(each);
        // Theirs: the very same objects, in their order, none lost.
        expect(result.filter(isTheirs)).toEqual(rules.filter(isTheirs));
        expect(result.at(-1)).toEqual(CATCH_ALL);
        const blocked = new Set(clashes.map(({ hostname }) => hostname));
        for (const [hostname, origin] of base.open) {
          if (blocked.has(hostname)) continue;
          const first = result.find(
            (each) => matches(each, hostname) && !(each.path !== undefined && each.hostname === hostname),
          );
          expect(first).toMatchObject({ hostname, service: origin });
        }
        for (const hostname of ['alice.example.com', 'bob.example.com'])
          if (!base.open.has(hostname) && !blocked.has(hostname))
            expect(result.some((each) => each.hostname === hostname && each.path === undefined)).toBe(false);
        expect(mergeIngress(config, base).changes).toEqual([]);
      },
    ),
    { seed, numRuns: 2000 },
  );
});
