/** `POST …/dns_records/batch`: deletes, patches, puts and posts, in that order, all or nothing. */
import type { DnsRecord } from './dns-record.ts';
import { isObject, readObject } from './json.ts';
import type { RecordStore } from './record-store.ts';
import { invalidBody } from './refusals.ts';

/** In the order in which they run, regardless of their order in the body. */
const OPERATION_KINDS = ['deletes', 'patches', 'puts', 'posts'] as const;
type OperationKind = (typeof OPERATION_KINDS)[number];

const BATCH_FIELDS = new Set<string>(OPERATION_KINDS);
const DELETE_FIELDS = new Set(['id']);

/** An operation's id and its other fields. */
function splitId(operation: unknown, where: string): { id: string; fields: Record<string, unknown> } {
  if (!isObject(operation)) throw invalidBody(`${where} must contain objects`);
  const { id, ...fields } = operation;
  if (typeof id !== 'string') throw invalidBody(`${where} need an id`);
  return { id, fields };
}

function runOperation(records: RecordStore, kind: OperationKind, operation: unknown): DnsRecord {
  switch (kind) {
    case 'deletes':
      readObject(operation, DELETE_FIELDS, kind);
      return records.remove(splitId(operation, kind).id);
    case 'patches': {
      const { id, fields } = splitId(operation, kind);
      return records.patch(id, fields);
    }
    case 'puts': {
      const { id, fields } = splitId(operation, kind);
      return records.replace(id, fields);
    }
    case 'posts':
      return records.create(operation);
  }
}

/**
 * Runs a batch and returns the records that each kind of operation removed or wrote. Throws the first operation's
 * Refusal without naming that operation, and then nothing has changed.
 */
export function runBatch(
  records: RecordStore,
  body: unknown,
  maxOperations: number,
): Partial<Record<OperationKind, DnsRecord[]>> {
  const batch = readObject(body, BATCH_FIELDS, 'the batch');
  const lists = OPERATION_KINDS.flatMap((kind) => {
    const operations = batch[kind];
    if (operations === undefined) return [];
    if (!Array.isArray(operations)) throw invalidBody(`${kind} must be an array`);
    return [{ kind, operations: operations as unknown[] }];
  });
  const count = lists.reduce((sum, { operations }) => sum + operations.length, 0);
  if (count === 0) throw invalidBody('the batch is empty');
  if (count > maxOperations)
    throw invalidBody(`the batch has ${count} operations, more than the ${maxOperations} of this plan`);
  return records.atomically(() => {
    const done: Partial<Record<OperationKind, DnsRecord[]>> = {};
    for (const { kind, operations } of lists) {
      done[kind] = operations.map((operation) => runOperation(records, kind, operation));
    }
    return done;
  });
}
