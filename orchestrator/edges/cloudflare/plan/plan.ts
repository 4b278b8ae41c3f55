/** What should be so at Cloudflare, seen against what is there: pure functions between the wanted edge and the API's words. */
import type { DesiredState, DetectedDrift, RegisteredRoute, RouteReference } from '../../edge.ts';
import type { DnsRecord, JsonObject } from '../api/client.ts';
import { describeRecords } from '../apply/outcomes.ts';
import {
  type IngressChange,
  mergeIngress,
  type OwnWays,
  uncoveredRules,
  type WantedIngress,
} from './ingress.ts';
import { ownRecords, planRecords, type RecordChange, type RecordPlan } from './records.ts';

export interface PictureOptions {
  names: { instance: string; tunnelId: string };
  /** Null while it is not known. */
  zoneName: string | null;
  /** Whether records live as long as the student, or come and go with the session. */
  dns: 'student' | 'session';
}

/** One moment: what is wanted, the zone's records, and which of them are too young to prove that a rule is ours. */
export interface Snapshot {
  wanted: DesiredState;
  records: readonly DnsRecord[];
  fresh: ReadonlySet<string>;
  /** Where the rules lead that we have written. */
  ways: OwnWays;
}

export interface Plan extends RecordPlan {
  ruleClashes: { hostname: string; service: string }[];
}

/** The students whose record should be there: all, or those whose link is wanted. */
export function neededRecords({ wanted }: Snapshot, { dns }: PictureOptions): RegisteredRoute[] {
  if (dns === 'student') return [...wanted.registered];
  const open = new Set(wanted.routes.map(({ hostname }) => hostname));
  return wanted.registered.filter(({ hostname }) => open.has(hostname));
}

/** What the rules should be: a route is open only where its marked record stands. `claimed` get theirs next. */
export function wantedIngress(
  { wanted, records, fresh, ways }: Snapshot,
  { names }: PictureOptions,
  claimed: readonly string[] = [],
): WantedIngress {
  const covered = new Set(ownRecords(records, names.instance).map(({ record }) => record.name));
  const willStand = new Set([...covered, ...claimed]);
  const open = wanted.routes.filter(({ hostname }) => willStand.has(hostname));
  return {
    open: new Map(open.map(({ hostname, origin }) => [hostname, origin])),
    ways,
    covered: new Set([...covered].filter((hostname) => !fresh.has(hostname))),
    claimed: new Set([...claimed, ...open.map(({ hostname }) => hostname), ...fresh]),
    adopted: new Set(wanted.registered.filter(({ adopt }) => adopt).map(({ hostname }) => hostname)),
  };
}

/**
 * The route of each hostname that is registered or has our owner tag. A tag at a hostname that its route had before
 * names none: what becomes of that record says nothing about the route as it is now.
 */
function routesByHostname(
  { wanted, records }: Snapshot,
  { names }: PictureOptions,
): Map<string, RouteReference> {
  const routes = new Map<string, RouteReference>();
  for (const { id, owner, hostname } of wanted.registered) routes.set(hostname, { id, owner, hostname });
  const registered = new Set(wanted.registered.map(({ id }) => id));
  for (const { record, id } of ownRecords(records, names.instance)) {
    const hostname = record.name;
    if (!routes.has(hostname) && !registered.has(id)) routes.set(hostname, { id, owner: null, hostname });
  }
  return routes;
}

/** Finds the route of a hostname; one that neither registration nor tag names is known by the hostname alone. */
export function routeFinder(
  snapshot: Snapshot,
  options: PictureOptions,
): (hostname: string) => RouteReference {
  const routes = routesByHostname(snapshot, options);
  return (hostname) => routes.get(hostname) ?? { id: null, owner: null, hostname };
}

const created = (changes: readonly RecordChange[]) =>
  changes.filter(({ kind }) => kind === 'create' || kind === 'adopt').map(({ route }) => route.hostname);

/**
 * Changes to records, without those whose name a foreign rule has: the record would make that rule look like ours.
 * `config` is the document as it was last seen.
 */
export function planOf(moment: Snapshot, options: PictureOptions, config: JsonObject | null): Plan {
  const plan = planRecords(moment.records, neededRecords(moment, options), options.names);
  const { clashes } = mergeIngress(config, wantedIngress(moment, options, created(plan.changes)));
  const blocked = new Set(clashes.map(({ hostname }) => hostname));
  return {
    changes: plan.changes.filter(({ route }) => !blocked.has(route.hostname)),
    conflicts: plan.conflicts,
    ruleClashes: clashes,
  };
}

const RULE_ACTIONS: Record<IngressChange['found'], string> = {
  'no rule': 'add it',
  'rule for a closed link': 'remove it',
  'rule changed': 'put it right',
  'rule out of reach': 'move it up',
  'rule of somebody else': 'take it over',
};

function recordDifference(change: RecordChange): DetectedDrift {
  const { route } = change;
  switch (change.kind) {
    case 'create':
      return { ...route, found: 'no record', action: 'add it' };
    case 'repair':
      return {
        ...route,
        found: `record changed: ${describeRecords([change.record, ...change.surplus])}`,
        action: 'put it right',
      };
    case 'adopt':
      return {
        ...route,
        found: `record of somebody else: ${describeRecords(change.records)}`,
        action: 'take it over',
      };
    case 'remove':
      return { ...route, found: 'record that nobody needs', action: 'remove it' };
  }
}

/** Everything that differs, as a person reads it. `removals` are the records that nothing needs. */
export function differencesOf(
  moment: Snapshot,
  options: PictureOptions,
  config: JsonObject | null,
  removals: readonly RecordChange[],
): DetectedDrift[] {
  const plan = planOf(moment, options, config);
  const ingress = wantedIngress(moment, options, created(plan.changes));
  const merged = mergeIngress(config, ingress);
  const routes = routesByHostname(moment, options);
  const routeOf = routeFinder(moment, options);
  const known = new Set([...moment.records.map(({ name }) => name), ...routes.keys()]);
  // A tunnel may serve other zones too, whose records we don't see; a wildcard record covers one level.
  const isCovered = (hostname: string) =>
    known.has(hostname) ||
    known.has(hostname.replace(/^[^.]+/, '*')) ||
    !hostname.endsWith(`.${options.zoneName ?? ''}`);
  const said = (hostname: string, found: string, action: string | null): DetectedDrift => ({
    ...routeOf(hostname),
    found,
    action,
  });
  return [
    ...plan.changes.map(recordDifference),
    ...plan.conflicts.map(({ route, records }) =>
      said(route.hostname, `record of somebody else: ${describeRecords(records)}`, null),
    ),
    ...plan.ruleClashes.map(({ hostname, service }) =>
      said(hostname, `rule of somebody else, to ${service}`, null),
    ),
    ...merged.changes.map(({ hostname, found }) => said(hostname, found, RULE_ACTIONS[found])),
    ...removals.map(recordDifference),
    ...uncoveredRules(config, isCovered).map(({ hostname, service }) =>
      said(hostname, `rule without record, to ${service}`, null),
    ),
  ];
}

/** Whatever is wanted, as a text that is the same for the same wishes. */
export function textOf({ routes, registered }: DesiredState): string {
  const lines = [
    ...routes.map(({ hostname, origin }) => `${hostname} ${origin}`),
    ...registered.map(({ hostname, adopt }) => `${hostname} is held${adopt ? ', adopting' : ''}`),
  ];
  return lines.sort().join('\n');
}
