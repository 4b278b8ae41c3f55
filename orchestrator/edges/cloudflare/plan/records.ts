/**
 * What has to be done to the zone's records: wanted and actual in, changes out, nothing touched. Only what carries
 * our mark is ever changed or removed; what somebody else has in the way is a clash, unless a person told us to take
 * it over.
 */
import type { DnsBatch, DnsRecord, RecordDraft } from '../api/client.ts';
import { ownerTag, parseOwnerTag } from './owner-tag.ts';

export interface WantedRecord {
  hostname: string;
  student: string;
  adopt: boolean;
}

export type RecordChange =
  | { kind: 'create'; hostname: string; student: string }
  /** Ours, but changed by hand; `surplus` are more of the name with our mark. */
  | { kind: 'mend'; hostname: string; student: string; record: DnsRecord; surplus: DnsRecord[] }
  /** Somebody else's, taken over at a person's word. */
  | { kind: 'adopt'; hostname: string; student: string; records: DnsRecord[] }
  | { kind: 'remove'; hostname: string; student: string; record: DnsRecord };

export interface RecordClash {
  hostname: string;
  student: string;
  records: DnsRecord[];
}

export interface RecordPlan {
  changes: RecordChange[];
  clashes: RecordClash[];
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
  wanted: { hostname: string; student: string },
): RecordDraft {
  return {
    name: wanted.hostname,
    type: 'CNAME',
    content: targetOf(names.tunnelId),
    proxied: true,
    ttl: 1,
    comment: ownerTag(names.instance, wanted.student),
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
  wanted: Iterable<WantedRecord>,
  names: { instance: string; tunnelId: string },
): RecordPlan {
  const changes: RecordChange[] = [];
  const clashes: RecordClash[] = [];
  for (const { hostname, student, adopt } of wanted) {
    const marked = records.filter(
      (record) => record.name === hostname && parseOwnerTag(record.comment, names.instance) !== null,
    );
    const [own, ...surplus] = marked;
    const others = inTheWay(records, hostname, names.instance);
    const isRight = surplus.length === 0 && own && isAsWritten(own, draftOf(names, { hostname, student }));
    if (isRight) continue;
    if (own !== undefined && others.length === 0) {
      changes.push({ kind: 'mend', hostname, student, record: own, surplus });
    } else if (others.length === 0) {
      changes.push({ kind: 'create', hostname, student });
    } else if (adopt && isReplaceable(others)) {
      changes.push({ kind: 'adopt', hostname, student, records: [...marked, ...others] });
    } else clashes.push({ hostname, student, records: others });
  }
  return { changes, clashes };
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

/** Every record with our mark, and the student it names. */
export function ownRecords(
  records: readonly DnsRecord[],
  instance: string,
): { record: DnsRecord; student: string }[] {
  return records.flatMap((record) => {
    const student = parseOwnerTag(record.comment, instance);
    return student === null ? [] : [{ record, student }];
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
        batch.posts.push(draftOf(names, change));
        break;
      case 'mend':
        batch.deletes.push(...change.surplus.map(({ id }) => ({ id })));
        if (change.record.type === 'CNAME')
          batch.patches.push({ id: change.record.id, ...draftOf(names, change) });
        else {
          // A record of another type can't be patched into a CNAME. Deletes come first, so the name is free by then.
          batch.deletes.push({ id: change.record.id });
          batch.posts.push(draftOf(names, change));
        }
        break;
      case 'adopt':
        batch.deletes.push(...change.records.map(({ id }) => ({ id })));
        batch.posts.push(draftOf(names, change));
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
    if (change.kind === 'mend') for (const { id } of change.surplus) gone.add(id);
  }
  return [...records.filter(({ id }) => !gone.has(id)), ...made];
}
