/**
 * The merge of our rules into a tunnel's configuration: a pure function. The document belongs to everybody who
 * writes it; what is not ours comes out as it went in, equal as JSON and in the same order.
 */
import type { Json, JsonObject } from '../api/client.ts';

/** A hostname and where it leads, as one value to look for. */
export type Way = `${string} to ${string}`;
/** Where our rules lead. Asked anew at each look, since it grows while they are written. */
export interface OwnWays {
  has(way: Way): boolean;
}
export const wayOf = (hostname: string, origin: string): Way => `${hostname} to ${origin}`;

/** What our rules should be, and how ours are told from others'. */
export interface WantedIngress {
  /** Origin by hostname of each open route. */
  open: ReadonlyMap<string, string>;
  /** Where the rules lead that we have written: one that leads there is ours whatever became of its mark. */
  ways: OwnWays;
  /** Hostnames whose marked record stood before this publication: a rule for one is ours. */
  covered: ReadonlySet<string>;
  /** Hostnames that are about to be ours, open or not: somebody else's rule for one is in the way. */
  claimed: ReadonlySet<string>;
  /** Hostnames whose foreign rules a person told us to take over. */
  adopted: ReadonlySet<string>;
}

export interface IngressChange {
  hostname: string;
  found:
    | 'no rule'
    | 'rule for a closed link'
    | 'rule changed'
    | 'rule out of reach'
    | 'rule of somebody else';
  /** Nothing but the mark of its record makes that rule ours: it leads elsewhere. */
  byMark: boolean;
}

export interface MergedIngress {
  config: JsonObject;
  changes: IngressChange[];
  /** Hostnames that somebody else's rule has, with the service it leads to. */
  clashes: { hostname: string; service: string }[];
}

type Rule = JsonObject;

const hostnameOf = (rule: Rule) => (typeof rule.hostname === 'string' ? rule.hostname.toLowerCase() : '');
const hasPath = (rule: Rule) => typeof rule.path === 'string' && rule.path !== '';
const isEmpty = (value: Json | undefined) =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);

function rulesOf(config: JsonObject | null): Rule[] {
  const ingress = config?.ingress;
  if (!Array.isArray(ingress)) return [];
  return ingress.filter((rule): rule is Rule => typeof rule === 'object' && rule !== null);
}

const isCatchAll = (rule: Rule | undefined) =>
  rule !== undefined && ['', '*'].includes(hostnameOf(rule)) && !hasPath(rule);

/** A rule of ours: nothing but hostname and service, so that the tunnel's own defaults hold. */
function isAsWritten(rule: Rule, origin: string): boolean {
  return rule.service === origin && isEmpty(rule.originRequest);
}

/** What an existing rule is to us. */
type Verdict = 'foreign' | 'ours' | 'clash' | 'adopted';

function judge(rule: Rule, wanted: WantedIngress): Verdict {
  const hostname = hostnameOf(rule);
  const isOurWay = wanted.ways.has(wayOf(hostname, String(rule.service)));
  if (hostname === '') return 'foreign';
  // We never write a path: such a rule is a person's, beside ours.
  if (hasPath(rule)) return 'foreign';
  // Never taken over for nothing: what we can't put in its place stays.
  if (wanted.adopted.has(hostname) && wanted.open.has(hostname)) return isOurWay ? 'ours' : 'adopted';
  if (wanted.covered.has(hostname) || isOurWay) return 'ours';
  return wanted.claimed.has(hostname) ? 'clash' : 'foreign';
}

/**
 * Which rule takes a hostname's visitors: the first with no hostname, with `*`, with the name itself or a wildcard
 * above it. A rule that has the name itself and a path is left out: ours goes behind it. Looked up, not searched,
 * since a class of 200 is 200 rules.
 */
class Takers {
  /** Position of the first rule of each pattern; '' stands for `*` as well. */
  readonly #first = new Map<string, number>();

  add(rule: Rule, position: number): void {
    const hostname = hostnameOf(rule);
    const isWide = hostname === '' || hostname.startsWith('*');
    if (hasPath(rule) && !isWide) return;
    const pattern = hostname === '*' ? '' : hostname;
    if (!this.#first.has(pattern)) this.#first.set(pattern, position);
  }

  /** Position of the rule that takes them; null for none. */
  of(hostname: string): number | null {
    const patterns = ['', hostname];
    for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1))
      patterns.push(`*${hostname.slice(dot)}`);
    const positions = patterns.flatMap((pattern) => this.#first.get(pattern) ?? []);
    return positions.length === 0 ? null : Math.min(...positions);
  }
}

/** The rules with new ones (hostname and origin) put in, each before the first that would take its visitors. */
function insertAll(rules: readonly Rule[], takers: Takers, opened: readonly [string, string][]): Rule[] {
  const before = Map.groupBy(opened, ([hostname]) => takers.of(hostname) ?? rules.length);
  const newAt = (position: number): Rule[] =>
    (before.get(position) ?? []).map(([hostname, service]) => ({ hostname, service }));
  return [...rules.flatMap((rule, position) => [...newAt(position), rule]), ...newAt(rules.length)];
}

/** Merges; the input is left as it is. */
export function mergeIngress(current: JsonObject | null, wanted: WantedIngress): MergedIngress {
  const changes: IngressChange[] = [];
  const clashes: MergedIngress['clashes'] = [];
  const kept: Rule[] = [];
  const takers = new Takers();
  const keep = (rule: Rule) => takers.add(rule, kept.push(rule) - 1);
  const standing = new Set<string>();
  for (const rule of rulesOf(current)) {
    const hostname = hostnameOf(rule);
    const origin = wanted.open.get(hostname);
    const verdict = judge(rule, wanted);
    const byMark = verdict === 'ours' && !wanted.ways.has(wayOf(hostname, String(rule.service)));
    if (verdict === 'foreign' || verdict === 'clash') {
      if (verdict === 'clash') clashes.push({ hostname, service: String(rule.service ?? '') });
      keep(rule);
    } else if (origin === undefined) {
      changes.push({ hostname, found: 'rule for a closed link', byMark });
    } else if (verdict === 'adopted') {
      changes.push({ hostname, found: 'rule of somebody else', byMark });
    } else if (standing.has(hostname) || takers.of(hostname) !== null) {
      // A second one, or one that no visitor reaches; a rule that is put back where it belongs follows below.
      changes.push({ hostname, found: 'rule out of reach', byMark });
    } else {
      standing.add(hostname);
      if (!isAsWritten(rule, origin)) changes.push({ hostname, found: 'rule changed', byMark });
      keep(isAsWritten(rule, origin) ? rule : { hostname, service: origin });
    }
  }
  const blocked = new Set(clashes.map(({ hostname }) => hostname));
  const opened = [...wanted.open]
    .filter(([hostname]) => !standing.has(hostname) && !blocked.has(hostname))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const isTold = new Set(changes.map(({ hostname }) => hostname));
  for (const [hostname] of opened)
    if (!isTold.has(hostname)) changes.push({ hostname, found: 'no rule', byMark: false });
  const ingress = insertAll(kept, takers, opened);
  // An empty document needs it, and cloudflared refuses one without (error 1056).
  if (!isCatchAll(ingress.at(-1))) ingress.push({ service: 'http_status:404' });
  return { config: { ...current, ingress }, changes, clashes };
}

/** One text for all ways to write a document: Cloudflare may order keys anew, leave out what is empty, or put it in. */
const canonical = (document: JsonObject | null): string =>
  JSON.stringify(document, (_key, value: Json) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const filled = Object.entries(value).filter(([, each]) => !isEmpty(each));
    return Object.fromEntries(filled.sort(([a], [b]) => (a < b ? -1 : 1)));
  });

/** Whether two documents are one to cloudflared. */
export const saysTheSame = (one: JsonObject | null, other: JsonObject | null): boolean =>
  canonical(one) === canonical(other);

/** Every rule that says where a hostname leads, a person's with a path left out. */
export const waysIn = (config: JsonObject | null): { hostname: string; service: string; way: Way }[] =>
  rulesOf(config)
    .filter((rule) => hostnameOf(rule) !== '' && !hasPath(rule))
    .map((rule) => {
      const [hostname, service] = [hostnameOf(rule), String(rule.service)];
      return { hostname, service, way: wayOf(hostname, service) };
    });

/** Where the rule of each hostname leads that visitors get to, the first of it. */
export function originsOf(config: JsonObject | null): ReadonlyMap<string, string> {
  const origins = new Map<string, string>();
  for (const { hostname, service } of waysIn(config))
    if (!origins.has(hostname)) origins.set(hostname, service);
  return origins;
}

/** Hostnames with a rule that leads where ours do. */
export const hostnamesOf = (config: JsonObject | null, ways: OwnWays): Set<string> =>
  new Set(
    waysIn(config)
      .filter(({ way }) => ways.has(way))
      .map(({ hostname }) => hostname),
  );

/** Hostnames of rules that look as if they were ours, but that nothing says are: reported, never touched. */
export function uncoveredRules(
  config: JsonObject | null,
  covered: (hostname: string) => boolean,
): { hostname: string; service: string }[] {
  return rulesOf(config)
    .map((rule) => ({ hostname: hostnameOf(rule), service: String(rule.service ?? '') }))
    .filter(({ hostname, service }) => /^http:\/\/127\.0\.0\.1:\d+$/.test(service) && !covered(hostname));
}
