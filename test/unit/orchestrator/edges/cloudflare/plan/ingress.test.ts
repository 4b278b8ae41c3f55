/** The merge of our rules into a tunnel's document. */
import type { JsonObject } from '../../../../../../orchestrator/edges/cloudflare/api/client.ts';
import {
  type DesiredIngress,
  mergeIngress,
} from '../../../../../../orchestrator/edges/cloudflare/plan/ingress.ts';
import {
  isSameDocument,
  servicesByHostname,
} from '../../../../../../orchestrator/edges/cloudflare/plan/ingress-document.ts';
import {
  type RuleKey,
  ruleKey,
  unprovenRules,
} from '../../../../../../orchestrator/edges/cloudflare/plan/ownership.ts';

const CATCH_ALL = { service: 'http_status:404' };
const ours = (student: string, port = 3001) => ({
  hostname: `${student}.example.com`,
  service: `http://127.0.0.1:${port}`,
});

/** Origins of the rules that we have written for alice and bob. */
const ORIGINS = new Map([
  ['alice.example.com', 'http://127.0.0.1:3001'],
  ['bob.example.com', 'http://127.0.0.1:3002'],
]);

/** Alice and bob exist, with tagged records; `open` names the open ones. */
function wanted(open: readonly string[], parts: Partial<DesiredIngress> = {}): DesiredIngress {
  return {
    open: new Map(open.map((name) => [`${name}.example.com`, ORIGINS.get(`${name}.example.com`) ?? ''])),
    hostHeaders: new Map(),
    writtenRules: new Set([...ORIGINS].map(([hostname, origin]) => ruleKey(hostname, origin))),
    tagged: new Set(ORIGINS.keys()),
    claimed: new Set(),
    adopted: new Set(),
    ...parts,
  };
}

const KEYED_ALICE = ['alice.example.com', 'key1.alice.example.com'] as const;
const KEYED_BOB = ['bob.example.com', 'key2.bob.example.com'] as const;
/** Our rule with the `Host` for the relay. */
const keyed = (name: string, httpHostHeader: string): JsonObject => ({
  hostname: `${name}.example.com`,
  service: ORIGINS.get(`${name}.example.com`) ?? '',
  originRequest: { httpHostHeader },
});

interface Case {
  what: string;
  rules: JsonObject[];
  open: string[];
  parts?: Partial<DesiredIngress>;
  becomes: JsonObject[];
  found?: string[];
  conflicts?: string[];
}

const none = { tagged: new Set<string>(), writtenRules: new Set<RuleKey>() };
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
    what: 'a rule that forwards elsewhere is repaired in place',
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
    what: "the relay's key is set, in new rules and in those of an earlier version",
    rules: [ours('alice'), CATCH_ALL],
    open: ['alice', 'bob'],
    parts: { hostHeaders: new Map([KEYED_ALICE, KEYED_BOB]) },
    becomes: [keyed('alice', KEYED_ALICE[1]), keyed('bob', KEYED_BOB[1]), CATCH_ALL],
    found: ['rule changed', 'no rule'],
  },
  {
    what: "nothing where a rule has the relay's key",
    rules: [keyed('alice', KEYED_ALICE[1]), CATCH_ALL],
    open: ['alice'],
    parts: { hostHeaders: new Map([KEYED_ALICE]) },
    becomes: [keyed('alice', KEYED_ALICE[1]), CATCH_ALL],
  },
  {
    what: 'another key, or another setting beside it, is replaced',
    rules: [
      keyed('alice', 'other.alice.example.com'),
      { ...keyed('bob', KEYED_BOB[1]), originRequest: { httpHostHeader: KEYED_BOB[1], noTLSVerify: true } },
      CATCH_ALL,
    ],
    open: ['alice', 'bob'],
    parts: { hostHeaders: new Map([KEYED_ALICE, KEYED_BOB]) },
    becomes: [keyed('alice', KEYED_ALICE[1]), keyed('bob', KEYED_BOB[1]), CATCH_ALL],
    found: ['rule changed', 'rule changed'],
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
    what: 'a hostname that is about to be ours and has another owner’s rule is a conflict',
    rules: [theirs, CATCH_ALL],
    open: ['alice'],
    parts: claimed,
    becomes: [theirs, CATCH_ALL],
    conflicts: ['alice.example.com'],
  },
  {
    what: 'a rule that we have written goes where another owner’s rule has the hostname as well',
    rules: [ours('alice'), theirs, CATCH_ALL],
    open: ['alice'],
    parts: { tagged: new Set(), claimed: new Set(['alice.example.com']) },
    becomes: [theirs, CATCH_ALL],
    found: ['rule beside that of another owner'],
    conflicts: ['alice.example.com'],
  },
  {
    what: 'a hostname that is not ours is left alone',
    rules: [theirs, CATCH_ALL],
    open: [],
    parts: none,
    becomes: [theirs, CATCH_ALL],
  },
  {
    what: 'a rule that we have written is ours, owner tag or not',
    rules: [ours('alice'), CATCH_ALL],
    open: [],
    parts: { tagged: new Set() },
    becomes: [CATCH_ALL],
    found: ['rule for a closed link'],
  },
  {
    what: 'with --adopt a conflict is taken over',
    rules: [theirs, CATCH_ALL],
    open: ['alice'],
    parts: { ...claimed, adopted: new Set(['alice.example.com']) },
    becomes: [ours('alice'), CATCH_ALL],
    found: ['rule of another owner'],
  },
  {
    what: 'but only if ours replaces it: without a record for it, their rule stays',
    rules: [theirs, CATCH_ALL],
    open: [],
    parts: { ...none, adopted: new Set(['alice.example.com']) },
    becomes: [theirs, CATCH_ALL],
  },
  {
    what: 'but not what has a path, even if it forwards to the student’s port',
    rules: [{ ...ours('alice'), path: '/old' }, CATCH_ALL],
    open: ['alice'],
    parts: { adopted: new Set(['alice.example.com']) },
    becomes: [{ ...ours('alice'), path: '/old' }, ours('alice'), CATCH_ALL],
    found: ['no rule'],
  },
];

test.each(cases)('$what', ({ rules, open, parts, becomes, found = [], conflicts = [] }) => {
  const openHere = new Map(
    open.map((name) => [`${name}.example.com`, `http://127.0.0.1:${name === 'bob' ? 3002 : 3001}`]),
  );
  const before = JSON.stringify(rules);
  const merged = mergeIngress({ ingress: rules }, { ...wanted(open), open: openHere, ...parts });
  expect(JSON.stringify(rules)).toBe(before);
  expect(merged.config.ingress).toEqual(becomes);
  expect(merged.changes.map((change) => change.found)).toEqual(found);
  expect(merged.conflicts.map(({ hostname }) => hostname)).toEqual(conflicts);
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

test('the service of a hostname, and unproven rules that resemble ours', () => {
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
  expect(servicesByHostname(config).get('alice.example.com')).toBe('http://127.0.0.1:3001');
  expect(servicesByHostname(config).get('bob.example.com')).toBeUndefined();
  expect(unprovenRules(config, (hostname) => hostname === 'alice.example.com' || hostname === '')).toEqual([
    { hostname: 'zoe.example.com', service: 'http://127.0.0.1:3009' },
  ]);
});

test('a document is the same one in another order of keys and with what is empty; in another order of rules it is not', () => {
  const config = {
    ingress: [ours('alice'), CATCH_ALL],
    originRequest: { connectTimeout: 7, noTLSVerify: true },
  };
  const [rule] = config.ingress;
  const rewritten = {
    'warp-routing': {},
    originRequest: { noTLSVerify: true, connectTimeout: 7 },
    ingress: [{ originRequest: {}, path: null, ...rule }, CATCH_ALL],
  };
  expect(isSameDocument(config, rewritten)).toBe(true);
  expect(isSameDocument(config, { ...config, ingress: config.ingress.toReversed() })).toBe(false);
  expect(isSameDocument(config, { ...config, 'warp-routing': { enabled: true } })).toBe(false);
  expect(isSameDocument(config, null)).toBe(false);
});
