/**
 * What can go wrong with a call, told apart once, here: everything else of this edge matches on `kind`. No text of
 * an answer is kept but Cloudflare's own error messages: a proxy in between may have written anything else.
 */
import { APIConnectionError, APIError } from 'cloudflare/core/error';
import { systemCodeOf } from '../../../errors.ts';

export type FailureKind =
  /** Refused for good: this token may not, or there is no such account, tunnel or zone. */
  | 'forbidden'
  /** There already is a record of that name (81053, 81054, 81057, 81058 …: renumbered without notice). */
  | 'conflict'
  /** The zone holds as many records as its plan allows. */
  | 'quota'
  /** What should be changed or deleted is not there any more. */
  | 'gone'
  /** The request itself was refused. */
  | 'invalid'
  /** Too many calls, Cloudflare's word or our own budget's: `afterMs` says when to come back. */
  | 'rate-limited'
  /** No answer that says how it ended: it may have been applied, or not, or may still be. */
  | 'unknown'
  /** We stopped waiting because this process stops. */
  | 'aborted';

export class ApiFailure extends Error {
  readonly kind: FailureKind;
  readonly codes: readonly number[];
  readonly afterMs: number;
  /** Nothing of the call can still be applied, however it ended. */
  readonly isOver: boolean;

  constructor(
    kind: FailureKind,
    text: string,
    more: { codes?: number[]; afterMs?: number; isOver?: boolean } = {},
  ) {
    super(text);
    this.name = 'ApiFailure';
    this.kind = kind;
    this.codes = more.codes ?? [];
    this.afterMs = more.afterMs ?? 0;
    this.isOver = more.isOver ?? (kind !== 'unknown' && kind !== 'aborted');
  }
}

/** 10000 authentication, 9109 unauthorized, 9106/9107 missing or malformed credentials, 6003/6111 invalid headers. */
const FORBIDDEN = new Set([10000, 9109, 9106, 9107, 6003, 6111]);
/** 81044: the record does not exist. */
const GONE = 81044;
/** 81045: the quota of records is used up. */
const QUOTA = 81045;

/** No connection was made, so nothing was sent. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

const isConflict = (code: number) => code >= 81050 && code <= 81059;

/** The wait where Cloudflare refuses and does not say how long: its own rate limit's window. */
const DEFAULT_BLOCK_MS = 300_000;

/** The same where a proxy in between refuses: nothing is known of its limit. */
const PROXY_BLOCK_MS = 30_000;

/**
 * The longest wait that is believed. Cloudflare's own block is five minutes; what goes far beyond comes from
 * something in between, or from a clock that is wrong, and would keep the class without links for days. One call an
 * hour finds out, and does no harm.
 */
export const MAX_WAIT_MS = 3_600_000;
/** The shortest: a server that refuses and says "at once" would be called without a pause. */
const MIN_WAIT_MS = 1000;

const believed = (ms: number) => Math.min(Math.max(ms, MIN_WAIT_MS), MAX_WAIT_MS);

/** `retry-after`: seconds, or a date (RFC 9110 §10.2.3). In ms from now, within bounds; null where there is none. */
export function retryAfterMs(headers: Headers | undefined, now: number): number | null {
  const value = headers?.get('retry-after');
  if (!value) return null;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return believed(seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : believed(date - now);
}

function kindOf(status: number, codes: readonly number[]): FailureKind {
  if (status === 429) return 'rate-limited';
  // 408 and 409 too: the SDK itself counts them with what may be tried again.
  if (status >= 500 || status === 408 || status === 409) return 'unknown';
  if (codes.some(isConflict)) return 'conflict';
  if (codes.includes(QUOTA)) return 'quota';
  if (codes.includes(GONE)) return 'gone';
  if (status === 401 || status === 403 || codes.some((code) => FORBIDDEN.has(code))) return 'forbidden';
  return 'invalid';
}

/** Any error of a call as a failure. */
export function failureOf(error: unknown, now = Date.now()): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (error instanceof APIConnectionError) {
    const isOver = NEVER_SENT.has(connectionCode(error) ?? '');
    return new ApiFailure('unknown', connectionText(error), { isOver });
  }
  if (!(error instanceof APIError) || error.status === undefined)
    return new ApiFailure('unknown', 'an answer that could not be read');
  const errors = Array.isArray(error.errors) ? error.errors : [];
  const codes = errors.map((each) => Number(each.code)).filter(Number.isInteger);
  // Without Cloudflare's envelope a proxy in between answered: its refusal says nothing of the token.
  const isOfProxy = errors.length === 0;
  const status = `status ${error.status} from something in between`;
  if (isOfProxy && error.status !== 429) return new ApiFailure('unknown', status);
  const said = errors.map((each) => `${each.message ?? ''} (${each.code ?? 'no code'})`).join('; ');
  const kind = kindOf(error.status, codes);
  const unsaid = isOfProxy ? PROXY_BLOCK_MS : DEFAULT_BLOCK_MS;
  const afterMs = kind === 'rate-limited' ? (retryAfterMs(error.headers, now) ?? unsaid) : 0;
  // Cloudflare's own word comes when the call is over; a proxy that limits the rate passes nothing on.
  const text = said.slice(0, 500) || status;
  return new ApiFailure(kind, text, { codes, afterMs, isOver: true });
}

/** The system's code of a connection that broke or was never made; null where there is none. */
function connectionCode({ cause }: APIConnectionError): string | null {
  // `fetch` wraps the system's error.
  const inner = typeof cause === 'object' && cause !== null && 'cause' in cause ? cause.cause : cause;
  return systemCodeOf(inner) ?? systemCodeOf(cause);
}

function connectionText(error: APIConnectionError): string {
  const code = connectionCode(error);
  if (code !== null) return `no connection (${code})`;
  return /timed? ?out/i.test(error.message) ? 'no answer in time' : 'the connection broke';
}
