/** Reads a tunnel's configuration, which everyone with access to the account may write. Pure functions. */
import type { Json, JsonObject } from '../api/client.ts';

/** One ingress rule, as it is in the document. */
export type Rule = JsonObject;

/** A rule's hostname in lower case; '' for a rule without one. */
export const hostnameOf = (rule: Rule) =>
  typeof rule.hostname === 'string' ? rule.hostname.toLowerCase() : '';
export const hasPath = (rule: Rule) => typeof rule.path === 'string' && rule.path !== '';

const isEmpty = (value: Json | undefined) =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);

export function rulesOf(config: JsonObject | null): Rule[] {
  const ingress = config?.ingress;
  if (!Array.isArray(ingress)) return [];
  return ingress.filter((rule): rule is Rule => typeof rule === 'object' && rule !== null);
}

export const isCatchAll = (rule: Rule | undefined) =>
  rule !== undefined && ['', '*'].includes(hostnameOf(rule)) && !hasPath(rule);

/** What our rule for a hostname consists of. */
export interface RuleTarget {
  origin: string;
  /** The `Host` that the relay gets, which contains its key; null for the visitor's. */
  hostHeader: string | null;
}

/** A rule as we write it. Otherwise the tunnel's own defaults apply. */
export const writtenRule = (hostname: string, { origin, hostHeader }: RuleTarget): Rule => ({
  hostname,
  service: origin,
  ...(hostHeader !== null && { originRequest: { httpHostHeader: hostHeader } }),
});

/** A hostname, and the service that its visitors are forwarded to. */
export interface HostnameRule {
  hostname: string;
  service: string;
}

/** Every rule for a whole hostname. We never write a path, so a rule with one is another writer's. */
export const hostnameRules = (config: JsonObject | null): HostnameRule[] =>
  rulesOf(config)
    .filter((rule) => hostnameOf(rule) !== '' && !hasPath(rule))
    .map((rule) => ({ hostname: hostnameOf(rule), service: String(rule.service) }));

/** The service of each hostname that visitors reach: that of its first rule. */
export function servicesByHostname(config: JsonObject | null): ReadonlyMap<string, string> {
  const services = new Map<string, string>();
  for (const { hostname, service } of hostnameRules(config))
    if (!services.has(hostname)) services.set(hostname, service);
  return services;
}

/** One text for every way to write a document: Cloudflare may reorder keys, and add or omit what is empty. */
const canonical = (document: JsonObject | null): string =>
  JSON.stringify(document, (_key, value: Json) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const filled = Object.entries(value).filter(([, each]) => !isEmpty(each));
    return Object.fromEntries(filled.sort(([a], [b]) => (a < b ? -1 : 1)));
  });

/** Whether a rule is as we write it. */
export const isAsWritten = (rule: Rule, target: RuleTarget): boolean =>
  rule.service === target.origin &&
  canonical({ of: rule.originRequest ?? {} }) ===
    canonical({ of: writtenRule('', target).originRequest ?? {} });

/** Whether two documents mean the same to cloudflared. */
export const isSameDocument = (one: JsonObject | null, other: JsonObject | null): boolean =>
  canonical(one) === canonical(other);
