/** The filters of "List DNS Records": those of the API reference but for tags and free search. */
import { type DnsRecord, RECORD_TYPES } from './dns-record.ts';
import { PAGE_PARAMETERS } from './pagination.ts';
import { invalidParameter } from './refusals.ts';

type Test = (record: DnsRecord) => boolean;

/** Text is compared without regard to case, as the reference says. */
const COMPARISONS: Readonly<Record<string, (found: string, wished: string) => boolean>> = {
  '': (found, wished) => found === wished,
  '.exact': (found, wished) => found === wished,
  '.contains': (found, wished) => found.includes(wished),
  '.startswith': (found, wished) => found.startsWith(wished),
  '.endswith': (found, wished) => found.endsWith(wished),
};

const textTests = (['name', 'content', 'comment'] as const).flatMap((field) =>
  Object.entries(COMPARISONS).map(([suffix, compare]): [string, (wished: string) => Test] => [
    `${field}${suffix}`,
    (wished) => (record) => {
      const found = record[field];
      return found !== null && compare(found.toLowerCase(), wished.toLowerCase());
    },
  ]),
);

function typeTest(wished: string): Test {
  if (!RECORD_TYPES.some((type) => type === wished)) throw invalidParameter(`no record type ${wished}`);
  return ({ type }) => type === wished;
}

function proxiedTest(wished: string): Test {
  if (wished !== 'true' && wished !== 'false') throw invalidParameter('proxied must be true or false');
  return ({ proxied }) => String(proxied) === wished;
}

const TESTS: ReadonlyMap<string, (wished: string) => Test> = new Map<string, (wished: string) => Test>([
  ...textTests,
  ['type', typeTest],
  ['proxied', proxiedTest],
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
  ...TESTS.keys(),
  ...PAGE_PARAMETERS,
  'match',
  'order',
  'direction',
]);

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

/** The records that the query asks for, in its order: the oldest first unless it says another. */
export function filterRecords(records: DnsRecord[], query: URLSearchParams): DnsRecord[] {
  const tests: Test[] = [];
  for (const [name, wished] of query) {
    const test = TESTS.get(name);
    if (test !== undefined) tests.push(test(wished));
  }
  const any = oneOf(query, 'match', ['any', 'all']) === 'any';
  const order = oneOf(query, 'order', SORT_FIELDS);
  const down = oneOf(query, 'direction', ['asc', 'desc']) === 'desc';
  const found =
    tests.length === 0
      ? records
      : records.filter((record) =>
          any ? tests.some((test) => test(record)) : tests.every((test) => test(record)),
        );
  if (order === null) return found;
  const sorted = found.toSorted((a, b) =>
    String(a[order]).localeCompare(String(b[order]), 'en', { numeric: true }),
  );
  return down ? sorted.reverse() : sorted;
}
