/**
 * Decides what is ours at Cloudflare, for every other module. A record is ours by its owner tag, the comment that names
 * instance and route: so ownership survives the loss of our disk. A rule is ours if we wrote it, or if a tagged record
 * that is older than it has its hostname. A record that a run creates proves nothing about a rule: another writer's
 * rule may have had the name before.
 */
import { createHash } from 'node:crypto';
import { type DesiredState, type RouteId, type RouteReference, routeId } from '../../edge.ts';
import type { DnsRecord, JsonObject } from '../api/client.ts';
import { hasPath, hostnameOf, hostnameRules, type Rule, rulesOf } from './ingress-document.ts';

/** A record's comment on a Free zone: longer ones are refused with error 9313 (Cloudflare, "DNS record attributes"). */
export const MAX_TAG_CHARS = 100;

/** A longer id is cut, and this many characters of its hash tell it apart. */
const HASH_CHARS = 8;

const tagPrefix = (instance: string) => `devenv ${instance}/`;

/** The owner tag of a route's record: at most `MAX_TAG_CHARS`, for any valid names. */
export function ownerTag(instance: string, id: RouteId): string {
  const whole = tagPrefix(instance) + id;
  if (whole.length <= MAX_TAG_CHARS) return whole;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, HASH_CHARS);
  return `${whole.slice(0, MAX_TAG_CHARS - HASH_CHARS - 1)}~${hash}`;
}

/** The route that a comment names as this instance's; null where the record is not ours. A cut id is no route's. */
export function parseOwnerTag(comment: string | null | undefined, instance: string): RouteId | null {
  const prefix = tagPrefix(instance);
  if (!comment?.startsWith(prefix)) return null;
  const id = comment.slice(prefix.length);
  return id === '' ? null : routeId(id);
}

const isOwned = ({ comment }: DnsRecord, instance: string) => parseOwnerTag(comment, instance) !== null;

/** The records of a hostname: ours, and those of other owners, which a CNAME can't exist beside. */
export function recordsOf(
  records: readonly DnsRecord[],
  hostname: string,
  instance: string,
): { owned: DnsRecord[]; foreign: DnsRecord[] } {
  const all = records.filter(({ name }) => name === hostname);
  return {
    owned: all.filter((record) => isOwned(record, instance)),
    foreign: all.filter((record) => !isOwned(record, instance)),
  };
}

export const hasOwnedRecord = (records: readonly DnsRecord[], hostname: string, instance: string) =>
  records.some((record) => record.name === hostname && isOwned(record, instance));

/** Every record of ours, and the route that its tag names. */
export function ownedRecords(
  records: readonly DnsRecord[],
  instance: string,
): { record: DnsRecord; id: RouteId }[] {
  return records.flatMap((record) => {
    const id = parseOwnerTag(record.comment, instance);
    return id === null ? [] : [{ record, id }];
  });
}

/**
 * The route of each hostname that is registered or has our owner tag. A tag at a hostname that its route had before
 * names none: what becomes of that record says nothing about the route as it is now.
 */
export function routesByHostname(
  { registered }: DesiredState,
  records: readonly DnsRecord[],
  instance: string,
): Map<string, RouteReference> {
  const routes = new Map<string, RouteReference>();
  for (const { id, owner, hostname } of registered) routes.set(hostname, { id, owner, hostname });
  const ids = new Set(registered.map(({ id }) => id));
  for (const { record, id } of ownedRecords(records, instance)) {
    const hostname = record.name;
    if (!routes.has(hostname) && !ids.has(id)) routes.set(hostname, { id, owner: null, hostname });
  }
  return routes;
}

/** A hostname and its service as one value. The text is persisted: see `ObservedState`. */
export type RuleKey = `${string} to ${string}`;
export const ruleKey = (hostname: string, service: string): RuleKey => `${hostname} to ${service}`;

/** What decides whether a rule is ours. */
export interface RuleClaims {
  /** The rules that we have written. It grows while a run writes, so every check asks it again. */
  writtenRules: { has(key: RuleKey): boolean };
  /** Hostnames with a record of ours that is older than this run: a rule for one is ours. */
  tagged: ReadonlySet<string>;
  /** Hostnames that are to be ours, open or not: a rule of another writer for one is a conflict. */
  claimed: ReadonlySet<string>;
  /** Hostnames that the instructor asked to take over. */
  adopted: ReadonlySet<string>;
}

export type RuleOwnership =
  | 'foreign'
  /** We wrote it. */
  | 'owned'
  /** Only the tag of its record makes it ours: its service is none that we have written. */
  | 'owned-by-tag-only'
  /** Another writer's, for a hostname that is to be ours. */
  | 'conflicting'
  /** The same, and the instructor asked to take it over. */
  | 'adopted';

/** Whose a rule is, with `open` as the desired service of each open hostname. */
export function ownershipOf(
  rule: Rule,
  { writtenRules, tagged, claimed, adopted }: RuleClaims,
  open: ReadonlyMap<string, string>,
): RuleOwnership {
  const hostname = hostnameOf(rule);
  // We never write a path: such a rule is another writer's, beside ours.
  if (hostname === '' || hasPath(rule)) return 'foreign';
  if (writtenRules.has(ruleKey(hostname, String(rule.service)))) return 'owned';
  // Taken over only where a rule of ours replaces it.
  if (adopted.has(hostname) && open.has(hostname)) return 'adopted';
  if (tagged.has(hostname)) return 'owned-by-tag-only';
  return claimed.has(hostname) ? 'conflicting' : 'foreign';
}

/** Hostnames with a rule that we have written. */
export const hostnamesOfWrittenRules = (
  config: JsonObject | null,
  writtenRules: RuleClaims['writtenRules'],
): Set<string> =>
  new Set(
    hostnameRules(config)
      .filter(({ hostname, service }) => writtenRules.has(ruleKey(hostname, service)))
      .map(({ hostname }) => hostname),
  );

/** Hostnames with a rule of ours, written or tagged. */
export const hostnamesOfOwnedRules = (config: JsonObject | null, claims: RuleClaims): Set<string> =>
  new Set(
    rulesOf(config)
      .filter((rule) => ownershipOf(rule, claims, new Map()).startsWith('owned'))
      .map(hostnameOf),
  );

/** The hostnames of a run that was interrupted while it created their records. */
export interface UnprovenRecords {
  /** Hostnames whose records it was creating. */
  creating: readonly string[];
  /** Those of them that had a rule of ours already. */
  ruled: readonly string[];
}

/**
 * Of the records that an interrupted run was creating, those whose rule it has written as well: it had found no rule of
 * another writer there, so that the record proves a later rule ours.
 */
export function provenHostnames(
  { creating, ruled }: UnprovenRecords,
  config: JsonObject | null,
  writtenRules: RuleClaims['writtenRules'],
): string[] {
  const written = hostnamesOfWrittenRules(config, writtenRules);
  return creating.filter((hostname) => written.has(hostname) && !ruled.includes(hostname));
}

/** Rules that look as if they were ours, without a proof: reported, never changed. */
export function unprovenRules(
  config: JsonObject | null,
  isExplained: (hostname: string) => boolean,
): { hostname: string; service: string }[] {
  return rulesOf(config)
    .map((rule) => ({ hostname: hostnameOf(rule), service: String(rule.service ?? '') }))
    .filter(({ hostname, service }) => /^http:\/\/127\.0\.0\.1:\d+$/.test(service) && !isExplained(hostname));
}
