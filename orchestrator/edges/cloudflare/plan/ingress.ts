/**
 * The merge of our rules into a tunnel's configuration: a pure function. Other writers share the document, so what is
 * not ours comes out as it went in, equal as JSON and in the same order.
 */
import type { JsonObject } from '../api/client.ts';
import {
  type HostnameRule,
  hasPath,
  hostnameOf,
  isAsWritten,
  isCatchAll,
  type Rule,
  rulesOf,
  writtenRule,
} from './ingress-document.ts';
import { ownershipOf, type RuleClaims } from './ownership.ts';

/** What our rules should be, and how they are told from those of other writers. */
export interface DesiredIngress extends RuleClaims {
  /** The origin of each open hostname. */
  open: ReadonlyMap<string, string>;
  /** The `Host` for the relays of hostnames; those without get the visitor's. */
  hostHeaders: ReadonlyMap<string, string>;
}

export interface IngressChange {
  hostname: string;
  found:
    | 'no rule'
    | 'rule for a closed link'
    | 'rule changed'
    | 'rule out of reach'
    | 'rule of another owner'
    /** Ours, while another writer's rule has the hostname as well: the hostname is theirs. */
    | 'rule beside that of another owner';
  /** Only the tag of its record makes that rule ours: its service is none that we have written. */
  isOwnedByTagOnly: boolean;
}

export interface MergedIngress {
  config: JsonObject;
  changes: IngressChange[];
  /** Rules of other writers for hostnames that are to be ours. */
  conflicts: HostnameRule[];
}

/**
 * Finds the rule that a hostname's visitors reach: the first with no hostname, with `*`, with the name itself or a
 * wildcard above it. A rule with the name itself and a path is left out: ours goes behind it. Indexed, not searched,
 * since a class of 200 has 200 rules.
 */
class VisitorIndex {
  /** Position of the first rule of each pattern; '' is also `*`. */
  readonly #first = new Map<string, number>();

  add(rule: Rule, position: number): void {
    const hostname = hostnameOf(rule);
    const isWide = hostname === '' || hostname.startsWith('*');
    if (hasPath(rule) && !isWide) return;
    const pattern = hostname === '*' ? '' : hostname;
    if (!this.#first.has(pattern)) this.#first.set(pattern, position);
  }

  /** Position of the rule that visitors of `hostname` reach; null for none. */
  find(hostname: string): number | null {
    const patterns = ['', hostname];
    for (let dot = hostname.indexOf('.'); dot >= 0; dot = hostname.indexOf('.', dot + 1))
      patterns.push(`*${hostname.slice(dot)}`);
    const positions = patterns.flatMap((pattern) => this.#first.get(pattern) ?? []);
    return positions.length === 0 ? null : Math.min(...positions);
  }
}

/** The rules with new ones (hostname and rule) inserted, each before the first that would get its visitors. */
function insertAll(
  rules: readonly Rule[],
  visitors: VisitorIndex,
  opened: readonly [string, Rule][],
): Rule[] {
  const before = Map.groupBy(opened, ([hostname]) => visitors.find(hostname) ?? rules.length);
  const newAt = (position: number): Rule[] => (before.get(position) ?? []).map(([, rule]) => rule);
  return [...rules.flatMap((rule, position) => [...newAt(position), rule]), ...newAt(rules.length)];
}

/** The document with our rules as desired, what that changes, and what is in the way. The input is not modified. */
export function mergeIngress(current: JsonObject | null, desired: DesiredIngress): MergedIngress {
  const rules = rulesOf(current).map((rule) => ({
    rule,
    hostname: hostnameOf(rule),
    ownership: ownershipOf(rule, desired, desired.open),
  }));
  const conflicts: HostnameRule[] = rules
    .filter(({ ownership }) => ownership === 'conflicting')
    .map(({ rule, hostname }) => ({ hostname, service: String(rule.service ?? '') }));
  const blocked = new Set(conflicts.map(({ hostname }) => hostname));
  const changes: IngressChange[] = [];
  const kept: Rule[] = [];
  const visitors = new VisitorIndex();
  const keep = (rule: Rule) => visitors.add(rule, kept.push(rule) - 1);
  const present = new Set<string>();
  for (const { rule, hostname, ownership } of rules) {
    const origin = desired.open.get(hostname);
    const isOwnedByTagOnly = ownership === 'owned-by-tag-only';
    if (ownership === 'foreign' || ownership === 'conflicting') {
      keep(rule);
    } else if (blocked.has(hostname)) {
      changes.push({ hostname, found: 'rule beside that of another owner', isOwnedByTagOnly });
    } else if (origin === undefined) {
      changes.push({ hostname, found: 'rule for a closed link', isOwnedByTagOnly });
    } else if (ownership === 'adopted') {
      changes.push({ hostname, found: 'rule of another owner', isOwnedByTagOnly });
    } else if (present.has(hostname) || visitors.find(hostname) !== null) {
      // A second one, or one that no visitor reaches. The latter is inserted again where visitors reach it.
      changes.push({ hostname, found: 'rule out of reach', isOwnedByTagOnly });
    } else {
      present.add(hostname);
      const target = { origin, hostHeader: desired.hostHeaders.get(hostname) ?? null };
      const isRight = isAsWritten(rule, target);
      if (!isRight) changes.push({ hostname, found: 'rule changed', isOwnedByTagOnly });
      keep(isRight ? rule : writtenRule(hostname, target));
    }
  }
  const opened = [...desired.open]
    .filter(([hostname]) => !present.has(hostname) && !blocked.has(hostname))
    .map(([hostname, origin]): [string, Rule] => {
      const hostHeader = desired.hostHeaders.get(hostname) ?? null;
      return [hostname, writtenRule(hostname, { origin, hostHeader })];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const changed = new Set(changes.map(({ hostname }) => hostname));
  for (const [hostname] of opened)
    if (!changed.has(hostname)) changes.push({ hostname, found: 'no rule', isOwnedByTagOnly: false });
  const ingress = insertAll(kept, visitors, opened);
  // cloudflared refuses a document without a catch-all rule (error 1056), and an empty one has none.
  if (!isCatchAll(ingress.at(-1))) ingress.push({ service: 'http_status:404' });
  return { config: { ...current, ingress }, changes, conflicts };
}
