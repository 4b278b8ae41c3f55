/** Handles an API request that has arrived completely: authenticates, limits its rate, validates and executes it. */
import type { IncomingHttpHeaders } from 'node:http';
import type { CloudflareAccount } from './account.ts';
import type { RateLimiter } from './rate-limiter.ts';
import {
  authenticationError,
  invalidAccessToken,
  invalidBody,
  invalidParameter,
  invalidToken,
  malformedToken,
  missingToken,
  mixedCredentials,
  Refusal,
  throttled,
  unauthorized,
} from './refusals.ts';
import { refusalBody, successBody } from './route-types.ts';
import type { RouteMatch } from './router.ts';

export interface ReceivedRequest {
  match: RouteMatch;
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  body: ReceivedBody;
}

export type ReceivedBody =
  | { kind: 'none' }
  | { kind: 'json'; value: unknown }
  | { kind: 'text'; text: string };

export interface ApiResponse {
  status: number;
  body: string;
  /** Whether the request changed the account. */
  applied: boolean;
}

export const refusalResponse = (refusal: Refusal): ApiResponse => ({
  status: refusal.status,
  body: refusalBody(refusal),
  applied: false,
});

/** Credentials of other schemes. Refused beside a token, because it is unknown which of the two the real API uses. */
const OTHER_CREDENTIALS = ['x-auth-key', 'x-auth-email', 'x-auth-user-service-key'];

function authenticate(account: CloudflareAccount, { headers, match }: ReceivedRequest): void {
  const { authorization } = headers;
  const other = OTHER_CREDENTIALS.find((name) => headers[name] !== undefined);
  if (authorization !== undefined && other !== undefined) throw mixedCredentials(other);
  if (authorization === undefined) throw missingToken();
  const token = /^Bearer ([\w-]+)$/.exec(authorization)?.[1];
  if (token === undefined) throw malformedToken();
  if (token === account.token) return;
  const isTokenCheck = match.kind === 'operation' && match.operation.kind === 'token';
  throw isTokenCheck ? invalidToken() : invalidAccessToken();
}

/** The parsed body for the operation; undefined if it takes none. Throws a Refusal for a missing or unexpected body. */
function checkBody(isRequired: boolean, body: ReceivedBody, contentType: string | undefined): unknown {
  if (!isRequired) {
    if (body.kind !== 'none') throw invalidBody('this method takes no body');
    return undefined;
  }
  if (body.kind === 'none') throw invalidBody('it is missing');
  if (!/^application\/json\b/i.test(contentType ?? '')) {
    throw invalidBody('Content-Type must be application/json');
  }
  if (body.kind === 'text') throw invalidBody('it is not JSON');
  return body.value;
}

function execute(account: CloudflareAccount, limiter: RateLimiter, request: ReceivedRequest): ApiResponse {
  const { match, query } = request;
  authenticate(account, request);
  if (!limiter.consume()) throw throttled();
  if (match.kind === 'refused') throw match.refusal;
  const { operation, ids } = match;
  if (operation.scope !== undefined && !account.scopes.has(operation.scope)) {
    throw operation.scope === 'zone' ? unauthorized() : authenticationError();
  }
  for (const name of query.keys()) {
    if (!operation.query?.has(name)) throw invalidParameter(`${name} is unknown`);
    if (query.getAll(name).length > 1) throw invalidParameter(`${name} is given twice`);
  }
  const body = checkBody(operation.hasBody === true, request.body, request.headers['content-type']);
  const result = operation.run({ account, ids, query, body });
  return { status: 200, body: successBody(result), applied: result.applied === true };
}

/** Handles one request synchronously, so that no other request interleaves. A Refusal becomes a response. */
export function handleRequest(
  account: CloudflareAccount,
  limiter: RateLimiter,
  request: ReceivedRequest,
): ApiResponse {
  try {
    return execute(account, limiter, request);
  } catch (error) {
    if (error instanceof Refusal) return refusalResponse(error);
    throw error;
  }
}
