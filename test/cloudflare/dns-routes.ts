/** `/zones/{zone}/dns_records`: the list, and one record at a time. */

import { runBatch } from './dns-batch.ts';
import { filterRecords, LIST_PARAMETERS } from './dns-filters.ts';
import { paginate } from './pagination.ts';
import type { RecordStore } from './record-store.ts';
import { authenticationError, noRoute } from './refusals.ts';
import type { ApiRequest, Operation, Route } from './route-types.ts';

/** Source: the API reference of "List DNS Records". */
const PAGE = { perPage: 100, most: 5_000_000 };

/** The records of the zone that the path names; refused where that is not the world's. */
function recordsOf({ account, ids }: ApiRequest): RecordStore {
  const { zone = '' } = ids;
  if (!/^[0-9a-f]{32}$/.test(zone)) throw noRoute(`/zones/${zone}/dns_records`);
  if (zone !== account.zoneId) throw authenticationError();
  return account.dns;
}

function idOf({ ids }: ApiRequest): string {
  const { record = '' } = ids;
  if (!/^[0-9a-f]{32}$/.test(record)) throw noRoute(`/zones/${ids.zone}/dns_records/${record}`);
  return record;
}

const write = (operation: Pick<Operation, 'body' | 'run'>): Operation => ({
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
          paginate(filterRecords(recordsOf(request).all(), request.query), request.query, PAGE),
      },
      POST: write({
        body: true,
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
        body: true,
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
        run: (request) => ({ result: recordsOf(request).get(idOf(request)) }),
      },
      PATCH: write({
        body: true,
        run: (request) => ({
          result: recordsOf(request).patch(idOf(request), request.body),
          applied: true,
        }),
      }),
      PUT: write({
        body: true,
        run: (request) => ({
          result: recordsOf(request).replace(idOf(request), request.body),
          applied: true,
        }),
      }),
      DELETE: write({
        run: (request) => ({ result: { id: recordsOf(request).remove(idOf(request)).id }, applied: true }),
      }),
    },
  },
];
