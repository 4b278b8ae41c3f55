/** The faults that the mock can inject. */

/**
 * `applied` says whether the call takes effect before it fails; false by default. A call that the API refuses anyway
 * never takes effect.
 */
export type FaultSpec =
  /** 403, code 10000. */
  | { kind: 'refused' }
  /** 500 in Cloudflare's envelope. */
  | { kind: 'server-error'; applied?: boolean }
  /**
   * 429. `retryAfter` is in seconds or the header's literal text; 1 by default, null for no header. `bare` means that a
   * proxy in between sends it, without Cloudflare's envelope.
   */
  | { kind: 'rate-limited'; retryAfter?: number | string | null; bare?: boolean }
  /** An HTML page from a proxy in between; status 502 by default. */
  | { kind: 'html'; applied?: boolean; status?: number }
  /** The mock never responds. */
  | { kind: 'timeout'; applied?: boolean }
  /** The connection is reset before the call takes effect. */
  | { kind: 'reset-before' }
  /** The call takes effect, and then the connection is reset. */
  | { kind: 'reset-after' }
  /** The call takes effect, and half of the response's JSON arrives, with the usual status. */
  | { kind: 'bad-json' }
  /** The head and the first half of the body arrive; then the connection stays open and silent. */
  | { kind: 'stalled-body'; applied?: boolean }
  /** The call takes effect, and the connection is closed in the middle of the response's body. */
  | { kind: 'broken-body' }
  /** The call takes effect and is answered `ms` milliseconds late, possibly after the client's timeout. */
  | { kind: 'slow'; ms: number };

export type FaultKind = FaultSpec['kind'];

/** A kind alone means that fault with the defaults above. */
export type Fault = FaultSpec | Exclude<FaultKind, 'slow'>;

/** Every fault except `slow`, in each of its variants. */
export const ALL_FAULTS: readonly [FaultSpec, ...FaultSpec[]] = [
  { kind: 'refused' },
  { kind: 'server-error' },
  { kind: 'server-error', applied: true },
  { kind: 'rate-limited' },
  { kind: 'rate-limited', bare: true },
  { kind: 'html' },
  { kind: 'html', applied: true },
  { kind: 'timeout' },
  { kind: 'timeout', applied: true },
  { kind: 'reset-before' },
  { kind: 'reset-after' },
  { kind: 'bad-json' },
  { kind: 'stalled-body' },
  { kind: 'stalled-body', applied: true },
  { kind: 'broken-body' },
];
