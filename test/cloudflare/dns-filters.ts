/** The filters of "List DNS Records", as in the API reference, except for tags and free-text search. */
import { type DnsRecord, RECORD_TYPES } from './dns-record.ts';
import { PAGE_PARAMETERS } from './pagination.ts';
import { invalidParameter } from './refusals.ts';

type Predicate = (record: DnsRecord) => boolean;

/** The API ignores case when it compares text (its reference says so); both sides are in lower case here. */
const COMPARISONS: Readonly<Record<string, (found: string, wanted: string) => boolean>> = {
  '': (found, wanted) => found === wanted,
  '.exact': (found, wanted) => found === wanted,
  '.contains': (found, wanted) => found.includes(wanted),
  '.startswith': (found, wanted) => found.startsWith(wanted),
  '.endswith': (found, wanted) => found.endsWith(wanted),
};

const textFilters = (['name', 'content', 'comment'] as const).flatMap((field) =>
  Object.entries(COMPARISONS).map(([suffix, compare]): [string, (wanted: string) => Predicate] => [
    `${field}${suffix}`,
    (wanted) => (record) => {
      const found = record[field];
      return found !== null && compare(found.toLowerCase(), wanted.toLowerCase());
    },
  ]),
);

function typeFilter(wanted: string): Predicate {
  if (!RECORD_TYPES.some((type) => type === wanted)) throw invalidParameter(`no record type ${wanted}`);
  return ({ type }) => type === wanted;
}

function proxiedFilter(wanted: string): Predicate {
  if (wanted !== 'true' && wanted !== 'false') throw invalidParameter('proxied must be true or false');
  return ({ proxied }) => String(proxied) === wanted;
}

const FILTERS: ReadonlyMap<string, (wanted: string) => Predicate> = new Map<
  string,
  (wanted: string) => Predicate
>([
  ...textFilters,
  ['type', typeFilter],
  ['proxied', proxiedFilter],
  [
    'comment.present',
    () =>
      ({ comment }) =>
        comment !== null,
  ],
  [
    'comment.absent',
    () =>
      ({ comment }) =>
        comment === null,
  ],
]);

const SORT_FIELDS = ['type', 'name', 'content', 'ttl', 'proxied'] as const;

export const LIST_PARAMETERS: ReadonlySet<string> = new Set([
  ...FILTERS.keys(),
  ...PAGE_PARAMETERS,
  'match',
  'order',
  'direction',
]);

/** The value of a query parameter, null if it is absent. Throws a Refusal unless it is one of `words`. */
function oneOf<Word extends string>(
  query: URLSearchParams,
  name: string,
  words: readonly Word[],
): Word | null {
  const written = query.get(name);
  if (written === null) return null;
  const word = words.find((each) => each === written);
  if (word === undefined) throw invalidParameter(`${name} must be one of ${words.join(', ')}`);
  return word;
}

/** The records that match the query, in the order that it asks for; the oldest first by default. */
export function filterRecords(records: DnsRecord[], query: URLSearchParams): DnsRecord[] {
  const predicates: Predicate[] = [];
  for (const [name, wanted] of query) {
    const filter = FILTERS.get(name);
    if (filter !== undefined) predicates.push(filter(wanted));
  }
  const isAnyEnough = oneOf(query, 'match', ['any', 'all']) === 'any';
  const order = oneOf(query, 'order', SORT_FIELDS);
  const isDescending = oneOf(query, 'direction', ['asc', 'desc']) === 'desc';
  const found =
    predicates.length === 0
      ? records
      : records.filter((record) =>
          isAnyEnough
            ? predicates.some((matches) => matches(record))
            : predicates.every((matches) => matches(record)),
        );
  if (order === null) return found;
  const sorted = found.toSorted((a, b) =>
    String(a[order]).localeCompare(String(b[order]), 'en', { numeric: true }),
  );
  return isDescending ? sorted.reverse() : sorted;
}
