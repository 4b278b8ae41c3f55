/** Describes an API path to the server: its methods, their requirements, and what each of them does. */

import type { CloudflareAccount, Scope } from './account.ts';
import type { CallKind } from './calls.ts';
import type { Refusal } from './refusals.ts';

export interface ApiRequest {
  account: CloudflareAccount;
  /** The values of the path's placeholders, by name. */
  ids: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** The parsed body; undefined if the operation takes none. */
  body: unknown;
}

export interface ApiResult {
  result: unknown;
  resultInfo?: PageInfo;
  /** Whether the request changed the account; false by default. */
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
  /** Whether a body is required. If not, a request with a body is refused. */
  hasBody?: true;
  /** The query parameters that are allowed; none by default. */
  query?: ReadonlySet<string>;
  /** Runs synchronously, so that no other request interleaves. Throws a Refusal. */
  run(request: ApiRequest): ApiResult;
}

export interface Route {
  /** Path below the base URL; a segment `:name` matches any value. */
  path: string;
  methods: Readonly<Record<string, Operation>>;
}

/** The body of a successful response, in Cloudflare's envelope. */
export const successBody = ({ result, resultInfo }: ApiResult) =>
  JSON.stringify({
    success: true,
    errors: [],
    messages: [],
    result,
    ...(resultInfo && { result_info: resultInfo }),
  });

/** The body of a refusal, in Cloudflare's envelope. */
export const refusalBody = ({ errors }: Refusal) =>
  JSON.stringify({ success: false, errors, messages: [], result: null });
