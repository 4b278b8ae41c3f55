/** What has to be done to the zone's records: desired and actual in, changes out. Pure functions. */
import type { DesiredState, RegisteredRoute, Route, RouteReference } from '../../edge.ts';
import type { DnsBatch, DnsRecord, RecordDraft } from '../api/client.ts';
import { ownedRecords, ownerTag, recordsOf } from './ownership.ts';

/** The names that every record of this installation is made from. */
export interface InstallationNames {
  instance: string;
  tunnelId: string;
}

/** The route that a record is for. */
export type RecordRoute = Pick<Route, 'id' | 'owner' | 'hostname'>;

export type RecordChange =
  | { kind: 'create'; route: RecordRoute }
  /** Ours, but changed by hand; `surplus` are more of the name with our owner tag. */
  | { kind: 'repair'; route: RecordRoute; record: DnsRecord; surplus: DnsRecord[] }
  /** Another owner's, taken over because the instructor asked for it. */
  | { kind: 'adopt'; route: RecordRoute; records: DnsRecord[] }
  | { kind: 'remove'; route: RouteReference; record: DnsRecord };

export interface RecordConflict {
  route: RecordRoute;
  records: DnsRecord[];
}

export interface RecordPlan {
  changes: RecordChange[];
  conflicts: RecordConflict[];
}

/** Types that may be taken over: mail and proofs of ownership are never what the instructor meant. */
const REPLACEABLE = new Set(['A', 'AAAA', 'CNAME']);

export const isReplaceable = (records: readonly DnsRecord[]) =>
  records.every(({ type }) => REPLACEABLE.has(type));

export function draftOf(
  { instance, tunnelId }: InstallationNames,
  { id, hostname }: RecordRoute,
): RecordDraft {
  return {
    name: hostname,
    type: 'CNAME',
    content: `${tunnelId}.cfargotunnel.com`.toLowerCase(),
    proxied: true,
    ttl: 1,
    comment: ownerTag(instance, id),
  };
}

function isAsWritten(record: DnsRecord, draft: RecordDraft): boolean {
  return (
    record.type === draft.type &&
    record.content === draft.content &&
    record.proxied &&
    record.comment === draft.comment
  );
}

/** The routes whose record should exist: all, or with `session` those whose link is desired. */
export function routesWithRecord(
  { routes, registered }: DesiredState,
  dns: 'student' | 'session',
): RegisteredRoute[] {
  if (dns === 'student') return [...registered];
  const open = new Set(routes.map(({ hostname }) => hostname));
  return registered.filter(({ hostname }) => open.has(hostname));
}

/** Creates and repairs what is needed. Removals are planned apart: they come last in a run. */
export function planRecords(
  records: readonly DnsRecord[],
  needed: Iterable<RecordRoute & { adopt: boolean }>,
  names: InstallationNames,
): RecordPlan {
  const changes: RecordChange[] = [];
  const conflicts: RecordConflict[] = [];
  const byName = Map.groupBy(records, ({ name }) => name);
  for (const { id, owner, hostname, adopt } of needed) {
    const route = { id, owner, hostname };
    const { owned, foreign } = recordsOf(byName.get(hostname) ?? [], hostname, names.instance);
    const [own, ...surplus] = owned;
    const isRight = surplus.length === 0 && own && isAsWritten(own, draftOf(names, route));
    if (isRight) continue;
    if (foreign.length > 0) {
      if (adopt && isReplaceable(foreign))
        changes.push({ kind: 'adopt', route, records: [...owned, ...foreign] });
      else conflicts.push({ route, records: foreign });
    } else if (own !== undefined) changes.push({ kind: 'repair', route, record: own, surplus });
    else changes.push({ kind: 'create', route });
  }
  return { changes, conflicts };
}

/** Why records of ours that exist are not needed any more. */
export interface RemovalReasons {
  /** Hostnames with a record, needed or not, whose grace period is over. */
  isGraceOver(hostname: string): boolean;
  /** Hostnames whose record was created for a link that then failed for good. */
  isUndone(route: RouteReference): boolean;
}

/** The records of ours to remove: of unregistered routes, of sessions that are over, of links that failed. */
export function planRemovals(
  records: readonly DnsRecord[],
  { registered }: DesiredState,
  instance: string,
  routeOf: (hostname: string) => RouteReference,
  { isGraceOver, isUndone }: RemovalReasons,
): Extract<RecordChange, { kind: 'remove' }>[] {
  const hostnames = new Set(registered.map(({ hostname }) => hostname));
  return ownedRecords(records, instance).flatMap(({ record }) => {
    const route = routeOf(record.name);
    const isKept = hostnames.has(record.name) && !isGraceOver(record.name) && !isUndone(route);
    return isKept ? [] : [{ kind: 'remove', route, record } as const];
  });
}

/** Changes as one transaction. */
export function batchOf(changes: readonly RecordChange[], names: InstallationNames): DnsBatch {
  const batch: DnsBatch = { deletes: [], patches: [], posts: [] };
  for (const change of changes) {
    switch (change.kind) {
      case 'create':
        batch.posts.push(draftOf(names, change.route));
        break;
      case 'repair':
        batch.deletes.push(...change.surplus.map(({ id }) => ({ id })));
        if (change.record.type === 'CNAME')
          batch.patches.push({ id: change.record.id, ...draftOf(names, change.route) });
        else {
          // A record of another type can't be patched into a CNAME. Deletes come first, so the name is free by then.
          batch.deletes.push({ id: change.record.id });
          batch.posts.push(draftOf(names, change.route));
        }
        break;
      case 'adopt':
        batch.deletes.push(...change.records.map(({ id }) => ({ id })));
        batch.posts.push(draftOf(names, change.route));
        break;
      case 'remove':
        batch.deletes.push({ id: change.record.id });
        break;
    }
  }
  return batch;
}

/** The zone's records after the changes; `written` is what the API returned. */
export function withChanges(
  records: readonly DnsRecord[],
  changes: readonly RecordChange[],
  written: readonly DnsRecord[],
): DnsRecord[] {
  const gone = new Set<string>(written.map(({ id }) => id));
  for (const change of changes) {
    if (change.kind === 'adopt') for (const { id } of change.records) gone.add(id);
    else if (change.kind !== 'create') gone.add(change.record.id);
    if (change.kind === 'repair') for (const { id } of change.surplus) gone.add(id);
  }
  return [...records.filter(({ id }) => !gone.has(id)), ...written];
}
