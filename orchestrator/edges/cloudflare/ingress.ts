/**
 * The merge of our rules into a tunnel's configuration: a pure function. The document belongs to everybody who
 * writes it; what is not ours comes out as it went in, equal as JSON and in the same order.
 */
import type { Json, JsonObject } from './api.ts';

/** A hostname and where it leads, as one value to look for. */
export type Way = `${string} to ${string}`;
export const wayOf = (hostname: string, origin: string): Way => `${hostname} to ${origin}`;

/** What our rules should be, and how ours are told from others'. */
export interface WantedIngress {
  /** Origin by hostname of each open route. */
  open: ReadonlyMap<string, string>;
  /** Where every student's link leads, or has led: a rule that does is ours whatever became of its mark. */
  ways: ReadonlySet<Way>;
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

/** Whether cloudflared would try that rule for a hostname: no hostname, `*`, the name itself, or a wildcard above it. */
export function matches(rule: Rule, hostname: string): boolean {
  const pattern = hostnameOf(rule);
  if (pattern === '' || pattern === '*' || pattern === hostname) return true;
  return pattern.startsWith('*.') && hostname.endsWith(pattern.slice(1));
}

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
  if (wanted.adopted.has(hostname)) return isOurWay ? 'ours' : 'adopted';
  if (wanted.covered.has(hostname) || isOurWay) return 'ours';
  return wanted.claimed.has(hostname) ? 'clash' : 'foreign';
}

/** Where a new rule for `hostname` goes: before the first that would take its visitors, but for its own with a path. */
function placeFor(rules: readonly Rule[], hostname: string): number {
  const at = rules.findIndex(
    (rule) => matches(rule, hostname) && !(hostnameOf(rule) === hostname && hasPath(rule)),
  );
  return at < 0 ? rules.length : at;
}

/** Merges; the input is left as it is. */
export function mergeIngress(current: JsonObject | null, wanted: WantedIngress): MergedIngress {
  const changes: IngressChange[] = [];
  const clashes: MergedIngress['clashes'] = [];
  const kept: Rule[] = [];
  const standing = new Set<string>();
  for (const rule of rulesOf(current)) {
    const hostname = hostnameOf(rule);
    const origin = wanted.open.get(hostname);
    const verdict = judge(rule, wanted);
    const byMark = verdict === 'ours' && !wanted.ways.has(wayOf(hostname, String(rule.service)));
    if (verdict === 'foreign' || verdict === 'clash') {
      if (verdict === 'clash') clashes.push({ hostname, service: String(rule.service ?? '') });
      kept.push(rule);
    } else if (origin === undefined) {
      changes.push({ hostname, found: 'rule for a closed link', byMark });
    } else if (verdict === 'adopted') {
      changes.push({ hostname, found: 'rule of somebody else', byMark });
    } else if (standing.has(hostname) || placeFor(kept, hostname) < kept.length) {
      // A second one, or one that no visitor reaches; a rule that is put back where it belongs follows below.
      changes.push({ hostname, found: 'rule out of reach', byMark });
    } else {
      standing.add(hostname);
      if (!isAsWritten(rule, origin)) changes.push({ hostname, found: 'rule changed', byMark });
      kept.push(isAsWritten(rule, origin) ? rule : { hostname, service: origin });
    }
  }
  const blocked = new Set(clashes.map(({ hostname }) => hostname));
  for (const [hostname, origin] of [...wanted.open].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (standing.has(hostname) || blocked.has(hostname)) continue;
    if (!changes.some((change) => change.hostname === hostname))
      changes.push({ hostname, found: 'no rule', byMark: false });
    kept.splice(placeFor(kept, hostname), 0, { hostname, service: origin });
  }
  // An empty document needs it, and cloudflared refuses one without (error 1056).
  if (!isCatchAll(kept.at(-1))) kept.push({ service: 'http_status:404' });
  return { config: { ...current, ingress: kept }, changes, clashes };
}

/** Where the rule of exactly that hostname leads, a person's with a path left out; null where there is none. */
export function originOf(config: JsonObject | null, hostname: string): string | null {
  const rule = rulesOf(config).find((each) => hostnameOf(each) === hostname && !hasPath(each));
  return typeof rule?.service === 'string' ? rule.service : null;
}

/** Hostnames with a rule that leads where ours do. */
export const hostnamesOf = (config: JsonObject | null, ways: ReadonlySet<Way>): Set<string> =>
  new Set(
    rulesOf(config)
      .filter((rule) => !hasPath(rule) && ways.has(wayOf(hostnameOf(rule), String(rule.service))))
      .map(hostnameOf),
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
