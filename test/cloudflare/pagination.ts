/** Cuts one page out of a list and describes it in `result_info`. */

import { invalidParameter } from './refusals.ts';
import type { ApiResult } from './route-types.ts';

export const PAGE_PARAMETERS = ['page', 'per_page'] as const;

function readNumber(query: URLSearchParams, name: string, defaultValue: number, max: number): number {
  const written = query.get(name);
  if (written === null) return defaultValue;
  const number = Number(written);
  if (!/^\d+$/.test(written) || number < 1 || number > max) {
    throw invalidParameter(`${name} must be a number from 1 to ${max}`);
  }
  return number;
}

/** The page that `query` asks for. Throws a Refusal for a page number or size that is out of range. */
export function paginate(
  items: readonly unknown[],
  query: URLSearchParams,
  { defaultSize, maxSize }: { defaultSize: number; maxSize: number },
): ApiResult {
  const size = readNumber(query, 'per_page', defaultSize, maxSize);
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
