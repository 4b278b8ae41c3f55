/** How a path is described to the server: which methods it has, what they need, and what they do. */

import type { CloudflareAccount, Scope } from './account.ts';
import type { CallKind } from './calls.ts';
import type { Refusal } from './refusals.ts';

export interface ApiRequest {
  account: CloudflareAccount;
  /** What stands in the path's places, by name. */
  ids: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** Undefined without a body. */
  body: unknown;
}

export interface ApiResult {
  result: unknown;
  resultInfo?: PageInfo;
  /** The world has changed. */
  applied?: boolean;
}

export interface PageInfo {
  page: number;
  per_page: number;
  count: number;
  total_count: number;
  total_pages: number;
}

export interface Operation {
  kind: CallKind;
  scope?: Scope;
  /** Whether a body is needed; where it is not, there must be none. */
  body?: true;
  /** The parameters that the query may have. */
  query?: ReadonlySet<string>;
  /** Runs at once and whole: nothing happens in between. Throws a Refusal. */
  run(request: ApiRequest): ApiResult;
}

export interface Route {
  /** Path segments below the base; `:name` stands for any. */
  path: string;
  methods: Readonly<Record<string, Operation>>;
}

/** The body of a successful answer. */
export const successBody = ({ result, resultInfo }: ApiResult) =>
  JSON.stringify({
    success: true,
    errors: [],
    messages: [],
    result,
    ...(resultInfo && { result_info: resultInfo }),
  });

/** The body of a refusal. */
export const refusalBody = ({ errors }: Refusal) =>
  JSON.stringify({ success: false, errors, messages: [], result: null });
