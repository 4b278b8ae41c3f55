/** `POST …/dns_records/batch`: deletes, patches, puts, posts, in that order, all or none. */
import type { DnsRecord } from './dns-record.ts';
import { isObject, readObject } from './json.ts';
import type { RecordStore } from './record-store.ts';
import { invalidBody } from './refusals.ts';

/** In the order in which they run, whatever their order in the body. */
const KINDS = ['deletes', 'patches', 'puts', 'posts'] as const;
type Kind = (typeof KINDS)[number];

const BATCH_FIELDS = new Set<string>(KINDS);
const DELETE_FIELDS = new Set(['id']);

/** An operation's id and the fields beside it. */
function withId(operation: unknown, where: string): { id: string; fields: Record<string, unknown> } {
  if (!isObject(operation)) throw invalidBody(`${where} must hold objects`);
  const { id, ...fields } = operation;
  if (typeof id !== 'string') throw invalidBody(`${where} need an id`);
  return { id, fields };
}

function runOne(records: RecordStore, kind: Kind, operation: unknown): DnsRecord {
  switch (kind) {
    case 'deletes':
      readObject(operation, DELETE_FIELDS, kind);
      return records.remove(withId(operation, kind).id);
    case 'patches': {
      const { id, fields } = withId(operation, kind);
      return records.patch(id, fields);
    }
    case 'puts': {
      const { id, fields } = withId(operation, kind);
      return records.replace(id, fields);
    }
    case 'posts':
      return records.create(operation);
  }
}

/**
 * The records that each kind of operation has removed or left. Throws the first error; it does not say which
 * operation that was, and nothing has happened then.
 */
export function runBatch(
  records: RecordStore,
  body: unknown,
  most: number,
): Partial<Record<Kind, DnsRecord[]>> {
  const batch = readObject(body, BATCH_FIELDS, 'the batch');
  const lists = KINDS.flatMap((kind) => {
    const operations = batch[kind];
    if (operations === undefined) return [];
    if (!Array.isArray(operations)) throw invalidBody(`${kind} must be an array`);
    return [{ kind, operations: operations as unknown[] }];
  });
  const count = lists.reduce((sum, { operations }) => sum + operations.length, 0);
  if (count === 0) throw invalidBody('the batch is empty');
  if (count > most)
    throw invalidBody(`the batch has ${count} operations, more than the ${most} of this plan`);
  return records.atomically(() => {
    const done: Partial<Record<Kind, DnsRecord[]>> = {};
    for (const { kind, operations } of lists) {
      done[kind] = operations.map((operation) => runOne(records, kind, operation));
    }
    return done;
  });
}
