/** One page of a list, with `result_info`. */

import { invalidParameter } from './refusals.ts';
import type { ApiResult } from './route-types.ts';

export const PAGE_PARAMETERS = ['page', 'per_page'] as const;

function readNumber(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const written = query.get(name);
  if (written === null) return otherwise;
  const number = Number(written);
  if (!/^\d+$/.test(written) || number < 1 || number > most) {
    throw invalidParameter(`${name} must be a number from 1 to ${most}`);
  }
  return number;
}

/** `perPage` is the size of a page that does not say, `most` the largest that may be asked for. */
export function paginate(
  items: readonly unknown[],
  query: URLSearchParams,
  { perPage, most }: { perPage: number; most: number },
): ApiResult {
  const size = readNumber(query, 'per_page', perPage, most);
  const page = readNumber(query, 'page', 1, Number.MAX_SAFE_INTEGER);
  const result = items.slice((page - 1) * size, page * size);
  return {
    result,
    resultInfo: {
      page,
      per_page: size,
      count: result.length,
      total_count: items.length,
      total_pages: Math.ceil(items.length / size),
    },
  };
}
