/**
 * The API's errors: status, code and text. "Seen" means that the code and text occur in public bug reports or in
 * documentation. The others are guesses, and nothing should depend on them.
 */
import { pick, type Random } from './seeded-random.ts';

export interface ApiError {
  code: number;
  message: string;
  error_chain?: ApiError[];
}

/** Thrown while a call is handled; the client gets its errors in the envelope `{success: false, errors, …}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly ApiError[];

  constructor(status: number, ...errors: [ApiError, ...ApiError[]]) {
    super(errors.map(({ code, message }) => `${message} (${code})`).join('; '));
    this.name = 'Refusal';
    this.status = status;
    this.errors = errors;
  }
}

// ── credentials, paths and bodies ─────────────────────────────────────────────────────────────────────────────────

export const missingToken = () =>
  new Refusal(400, { code: 9106, message: 'Missing X-Auth-Key, X-Auth-Email or Authorization headers' });

/** Seen: for a token with a line break or a wrong scheme. */
export const malformedToken = () =>
  new Refusal(400, {
    code: 6003,
    message: 'Invalid request headers',
    error_chain: [{ code: 6111, message: 'Invalid format for Authorization header' }],
  });

export const mixedCredentials = (header: string) =>
  new Refusal(400, {
    code: 6003,
    message: 'Invalid request headers',
    error_chain: [{ code: 6111, message: `${header} beside an Authorization header` }],
  });

/** Seen at `tokens/verify`. */
export const invalidToken = () => new Refusal(401, { code: 1000, message: 'Invalid API Token' });

/** Seen: for an unknown token at every other path. */
export const invalidAccessToken = () => new Refusal(403, { code: 9109, message: 'Invalid access token' });

/** Seen: for a foreign zone or account, and for a scope that the token lacks. */
export const authenticationError = () => new Refusal(403, { code: 10000, message: 'Authentication error' });

/** Seen: the same for `GET /zones/{zone}` itself. */
export const unauthorized = () =>
  new Refusal(403, { code: 9109, message: 'Unauthorized to access requested resource' });

/** Seen: more than 1,200 requests in five minutes. The rate limiter adds the `retry-after` header. */
export const throttled = () =>
  new Refusal(429, { code: 971, message: 'Please wait and consider throttling your request speed' });

/** Seen, with status 400: an unknown path or a malformed id. */
export const noRoute = (path: string) =>
  new Refusal(
    400,
    { code: 7003, message: `Could not route to ${path}, perhaps your object identifier is invalid?` },
    { code: 7000, message: 'No route for that URI' },
  );

/** Seen, with this code. */
export const methodNotAllowed = (method: string) =>
  new Refusal(405, {
    code: 10000,
    message: `${method} method not allowed for the api_token authentication scheme`,
  });

/** Code seen. The mock is always this strict, the real API only sometimes. */
export const invalidBody = (what: string) =>
  new Refusal(400, { code: 9207, message: `Request body is invalid: ${what}.` });

export const invalidParameter = (what: string) =>
  new Refusal(400, { code: 1004, message: `Invalid query parameter: ${what}.` });

export const internalError = () =>
  new Refusal(500, { code: 10002, message: 'An unexpected error has occurred, please try again' });

// ── tunnels ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const tunnelNotFound = () => new Refusal(404, { code: 1003, message: 'Tunnel not found' });

/** Seen; `reason` has cloudflared's wording. */
export const badConfiguration = (reason: string) =>
  new Refusal(400, { code: 1056, message: `Bad Configuration: Validation failed: ${reason}` });

// ── DNS ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Seen: for an unknown record id. */
export const noSuchRecord = () => new Refusal(404, { code: 81044, message: 'Record does not exist.' });

/** Seen. */
export const quotaExceeded = () => new Refusal(400, { code: 81045, message: 'Record quota exceeded.' });

/** Seen. */
export const commentTooLong = (limit: number) =>
  new Refusal(400, {
    code: 9313,
    message: `DNS record comment exceeds the maximum length of ${limit} characters.`,
  });

/** Seen. */
export const tagsExceeded = (tags: number) =>
  new Refusal(400, { code: 9300, message: `DNS record has ${tags} tags, exceeding the quota of 0.` });

/** Codes of the 9xxx family exist in the real API, but their exact meanings were not verified one by one. */
export const invalidRecord = (code: number, message: string) => new Refusal(400, { code, message });

/** All four seen. Cloudflare has renumbered them without notice, so the mock picks one at random. */
const ALREADY_EXISTS: readonly [ApiError, ...ApiError[]] = [
  { code: 81053, message: 'An A, AAAA, or CNAME record with that host already exists.' },
  { code: 81054, message: 'A CNAME record with that host already exists.' },
  { code: 81057, message: 'The record already exists.' },
  { code: 81058, message: 'An identical record already exists.' },
];

export const alreadyExists = (random: Random) => new Refusal(400, { ...pick(random, ALREADY_EXISTS) });
