/**
 * The API's errors: status, code and words. "Seen" means that the code and text stand in public bug reports or
 * documentation; the others are our guess, and nothing should depend on them.
 */
import { pick, type Random } from './seeded-random.ts';

export interface ApiError {
  code: number;
  message: string;
  error_chain?: ApiError[];
}

/** Thrown by whatever handles a call; becomes the envelope `{success: false, errors, …}`. */
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

// ── who asks, and for what ──────────────────────────────────────────────────────────────────────────────────────

export const missingToken = () =>
  new Refusal(400, { code: 9106, message: 'Missing X-Auth-Key, X-Auth-Email or Authorization headers' });

/** Seen: what a token with a line break or a wrong scheme gets. */
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

/** Seen: a token that does not exist, anywhere else. */
export const invalidAccessToken = () => new Refusal(403, { code: 9109, message: 'Invalid access token' });

/** Seen: another's zone or account, and a scope that the token lacks. */
export const authenticationError = () => new Refusal(403, { code: 10000, message: 'Authentication error' });

/** Seen: the same of a zone that is asked for itself. */
export const unauthorized = () =>
  new Refusal(403, { code: 9109, message: 'Unauthorized to access requested resource' });

/** Seen. 1,200 requests in five minutes are over; `retry-after` is set by the rate limiter. */
export const throttled = () =>
  new Refusal(429, { code: 971, message: 'Please wait and consider throttling your request speed' });

/** Seen, with status 400: no such path, or an id that is none. */
export const noRoute = (path: string) =>
  new Refusal(
    400,
    { code: 7003, message: `Could not route to ${path}, perhaps your object identifier is invalid?` },
    { code: 7000, message: 'No route for that URI' },
  );

/** Seen, with this very code. */
export const methodNotAllowed = (method: string) =>
  new Refusal(405, {
    code: 10000,
    message: `${method} method not allowed for the api_token authentication scheme`,
  });

/** Code seen; the real API is not always as strict, the mock always is. */
export const invalidBody = (what: string) =>
  new Refusal(400, { code: 9207, message: `Request body is invalid: ${what}.` });

export const invalidParameter = (what: string) =>
  new Refusal(400, { code: 1004, message: `Invalid query parameter: ${what}.` });

export const internalError = () =>
  new Refusal(500, { code: 10002, message: 'An unexpected error has occurred, please try again' });

// ── tunnels ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const tunnelNotFound = () => new Refusal(404, { code: 1003, message: 'Tunnel not found' });

/** Seen; `reason` as cloudflared words it. */
export const badConfiguration = (reason: string) =>
  new Refusal(400, { code: 1056, message: `Bad Configuration: Validation failed: ${reason}` });

// ── DNS ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Seen: the record of that id. */
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

/** Codes of the 9xxx family are the API's; their exact meaning was not looked up for each. */
export const invalidRecord = (code: number, message: string) => new Refusal(400, { code, message });

/** Seen, all four: they have been renumbered without notice, so any of them may come. */
const ALREADY_EXISTS: readonly [ApiError, ...ApiError[]] = [
  { code: 81053, message: 'An A, AAAA, or CNAME record with that host already exists.' },
  { code: 81054, message: 'A CNAME record with that host already exists.' },
  { code: 81057, message: 'The record already exists.' },
  { code: 81058, message: 'An identical record already exists.' },
];

export const alreadyExists = (random: Random) => new Refusal(400, { ...pick(random, ALREADY_EXISTS) });
