/**
 * What has to be done to the zone's records: wanted and actual in, changes out, nothing touched. Only what carries
 * our mark is ever changed or removed; what somebody else has in the way is a clash, unless a person told us to take
 * it over.
 */
import type { Route, RouteId, RouteReference } from '../../edge.ts';
import type { DnsBatch, DnsRecord, RecordDraft } from '../api/client.ts';
import { ownerTag, parseOwnerTag } from './owner-tag.ts';

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

/** Types that may be replaced at a person's word; mail and proofs of ownership are never what they meant. */
const REPLACEABLE = new Set(['A', 'AAAA', 'CNAME']);

export const isReplaceable = (records: readonly DnsRecord[]) =>
  records.every(({ type }) => REPLACEABLE.has(type));

/** Records of a name that a CNAME can't stand beside, ours left out. */
const inTheWay = (records: readonly DnsRecord[], hostname: string, instance: string) =>
  records.filter((record) => record.name === hostname && parseOwnerTag(record.comment, instance) === null);

/** Where every record of ours points. */
const targetOf = (tunnelId: string) => `${tunnelId}.cfargotunnel.com`.toLowerCase();

export function draftOf(
  names: { instance: string; tunnelId: string },
  { id, hostname }: RecordRoute,
): RecordDraft {
  return {
    name: hostname,
    type: 'CNAME',
    content: targetOf(names.tunnelId),
    proxied: true,
    ttl: 1,
    comment: ownerTag(names.instance, id),
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

/** Makes what is wanted so. Removals are not planned here: a record goes only when nothing needs it any more. */
export function planRecords(
  records: readonly DnsRecord[],
  wanted: Iterable<RecordRoute & { adopt: boolean }>,
  names: { instance: string; tunnelId: string },
): RecordPlan {
  const changes: RecordChange[] = [];
  const conflicts: RecordConflict[] = [];
  for (const { id, owner, hostname, adopt } of wanted) {
    const route = { id, owner, hostname };
    const marked = records.filter(
      (record) => record.name === hostname && parseOwnerTag(record.comment, names.instance) !== null,
    );
    const [own, ...surplus] = marked;
    const others = inTheWay(records, hostname, names.instance);
    const isRight = surplus.length === 0 && own && isAsWritten(own, draftOf(names, route));
    if (isRight) continue;
    if (own !== undefined && others.length === 0) {
      changes.push({ kind: 'repair', route, record: own, surplus });
    } else if (others.length === 0) {
      changes.push({ kind: 'create', route });
    } else if (adopt && isReplaceable(others)) {
      changes.push({ kind: 'adopt', route, records: [...marked, ...others] });
    } else conflicts.push({ route, records: others });
  }
  return { changes, conflicts };
}

/** The record of that name with our mark. */
export function ownRecord(
  records: readonly DnsRecord[],
  hostname: string,
  instance: string,
): DnsRecord | undefined {
  return records.find(
    (record) => record.name === hostname && parseOwnerTag(record.comment, instance) !== null,
  );
}

/** Every record with our owner tag, and the route that it names. */
export function ownRecords(
  records: readonly DnsRecord[],
  instance: string,
): { record: DnsRecord; id: RouteId }[] {
  return records.flatMap((record) => {
    const id = parseOwnerTag(record.comment, instance);
    return id === null ? [] : [{ record, id }];
  });
}

/** Changes as one transaction. */
export function batchOf(
  changes: readonly RecordChange[],
  names: { instance: string; tunnelId: string },
): DnsBatch {
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

/** The zone's records after the changes; `made` is what the API answered with. */
export function withChanges(
  records: readonly DnsRecord[],
  changes: readonly RecordChange[],
  made: readonly DnsRecord[],
): DnsRecord[] {
  const gone = new Set<string>(made.map(({ id }) => id));
  for (const change of changes) {
    if (change.kind === 'adopt') for (const { id } of change.records) gone.add(id);
    else if (change.kind !== 'create') gone.add(change.record.id);
    if (change.kind === 'repair') for (const { id } of change.surplus) gone.add(id);
  }
  return [...records.filter(({ id }) => !gone.has(id)), ...made];
}
