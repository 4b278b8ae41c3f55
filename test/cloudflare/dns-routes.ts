/** `/zones/{zone}/dns_records`: the list, single records and batches. */

import { runBatch } from './dns-batch.ts';
import { filterRecords, LIST_PARAMETERS } from './dns-filters.ts';
import { paginate } from './pagination.ts';
import type { RecordStore } from './record-store.ts';
import { authenticationError, noRoute } from './refusals.ts';
import type { ApiRequest, Operation, Route } from './route-types.ts';

/** Page sizes, from the API reference of "List DNS Records". */
const PAGE_LIMITS = { defaultSize: 100, maxSize: 5_000_000 };

/** The records of the zone that the path names. Throws a Refusal for a zone of another account. */
function recordsOf({ account, ids }: ApiRequest): RecordStore {
  const { zone = '' } = ids;
  if (!/^[0-9a-f]{32}$/.test(zone)) throw noRoute(`/zones/${zone}/dns_records`);
  if (zone !== account.zoneId) throw authenticationError();
  return account.dns;
}

/** The record id in the path. Throws a Refusal if it is malformed. */
function recordIdOf({ ids }: ApiRequest): string {
  const { record = '' } = ids;
  if (!/^[0-9a-f]{32}$/.test(record)) throw noRoute(`/zones/${ids.zone}/dns_records/${record}`);
  return record;
}

const writeOperation = (operation: Pick<Operation, 'hasBody' | 'run'>): Operation => ({
  kind: 'dns-write',
  scope: 'dns',
  ...operation,
});

export const DNS_ROUTES: readonly Route[] = [
  {
    path: 'zones/:zone/dns_records',
    methods: {
      GET: {
        kind: 'dns-list',
        scope: 'dns',
        query: LIST_PARAMETERS,
        run: (request) =>
          paginate(filterRecords(recordsOf(request).all(), request.query), request.query, PAGE_LIMITS),
      },
      POST: writeOperation({
        hasBody: true,
        run: (request) => ({ result: recordsOf(request).create(request.body), applied: true }),
      }),
    },
  },
  {
    path: 'zones/:zone/dns_records/batch',
    methods: {
      POST: {
        kind: 'dns-batch',
        scope: 'dns',
        hasBody: true,
        run: (request) => ({
          result: runBatch(recordsOf(request), request.body, request.account.plan.maxBatchOperations),
          applied: true,
        }),
      },
    },
  },
  {
    path: 'zones/:zone/dns_records/:record',
    methods: {
      GET: {
        kind: 'dns-get',
        scope: 'dns',
        run: (request) => ({ result: recordsOf(request).get(recordIdOf(request)) }),
      },
      PATCH: writeOperation({
        hasBody: true,
        run: (request) => ({
          result: recordsOf(request).patch(recordIdOf(request), request.body),
          applied: true,
        }),
      }),
      PUT: writeOperation({
        hasBody: true,
        run: (request) => ({
          result: recordsOf(request).replace(recordIdOf(request), request.body),
          applied: true,
        }),
      }),
      DELETE: writeOperation({
        run: (request) => ({
          result: { id: recordsOf(request).remove(recordIdOf(request)).id },
          applied: true,
        }),
      }),
    },
  },
];
