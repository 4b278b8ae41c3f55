/** The merge of our rules into any document: what is true for every document. */
import fc from 'fast-check';
import type { JsonObject } from '../../../../../../orchestrator/edges/cloudflare/api/client.ts';
import {
  type DesiredIngress,
  mergeIngress,
} from '../../../../../../orchestrator/edges/cloudflare/plan/ingress.ts';
import { ruleKey } from '../../../../../../orchestrator/edges/cloudflare/plan/ownership.ts';

/** Whether cloudflared tries a rule for a hostname: one without, `*`, the name itself, or a wildcard above it. */
function matches({ hostname = '' }: JsonObject, visited: string): boolean {
  const pattern = String(hostname);
  if (pattern === '' || pattern === '*' || pattern === visited) return true;
  return pattern.startsWith('*.') && visited.endsWith(pattern.slice(1));
}

const CATCH_ALL = { service: 'http_status:404' };
const ORIGINS = new Map([
  ['alice.example.com', 'http://127.0.0.1:3001'],
  ['bob.example.com', 'http://127.0.0.1:3002'],
]);

/** Alice and bob exist and may be about to get their records; those `covered` have them. */
const wanted = (open: readonly string[], covered: ReadonlySet<string>): DesiredIngress => ({
  open: new Map(open.map((hostname) => [hostname, ORIGINS.get(hostname) ?? ''])),
  hostHeaders: new Map(),
  writtenRules: new Set([...ORIGINS].map(([hostname, origin]) => ruleKey(hostname, origin))),
  tagged: covered,
  claimed: new Set(ORIGINS.keys()),
  adopted: new Set(),
});

const seed = Date.now() % 2 ** 31;
const hostnames = ['alice', 'bob', 'shop', 'x.class', '*', '*.class'].map((label) => `${label}.example.com`);
const rule = fc.record(
  {
    hostname: fc.constantFrom(...hostnames, '*.com', '*', ''),
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
      fc.subarray([...ORIGINS.keys()]),
      fc.subarray([...ORIGINS.keys()]),
      (foreign, open, coveredOnes) => {
        const rules = [...foreign, CATCH_ALL] as JsonObject[];
        const covered = new Set(coveredOnes);
        const base = wanted(open, covered);
        const { config, conflicts } = mergeIngress({ ingress: rules }, base);
        const result = config.ingress as JsonObject[];
        const mayBeOurs = (each: JsonObject) =>
          each.path === undefined &&
          (covered.has(String(each.hostname)) ||
            base.writtenRules.has(ruleKey(String(each.hostname), String(each.service))));
        const isTheirs = (each: JsonObject) => rules.includes(each) && !mayBeOurs(each);
        // Theirs: the very same objects, in their order, none lost.
        expect(result.filter(isTheirs)).toEqual(rules.filter(isTheirs));
        expect(result.at(-1)).toEqual(CATCH_ALL);
        const blocked = new Set(conflicts.map(({ hostname }) => hostname));
        for (const [hostname, origin] of base.open) {
          if (blocked.has(hostname)) continue;
          const first = result.find(
            (each) => matches(each, hostname) && !(each.path !== undefined && each.hostname === hostname),
          );
          expect(first).toMatchObject({ hostname, service: origin });
        }
        for (const hostname of ORIGINS.keys())
          if (!base.open.has(hostname) && !blocked.has(hostname))
            expect(result.some((each) => each.hostname === hostname && each.path === undefined)).toBe(false);
        expect(mergeIngress(config, base).changes).toEqual([]);
      },
    ),
    { seed, numRuns: 2000 },
  );
});
