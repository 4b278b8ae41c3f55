/** What the mock records about every call. */
import type { FaultKind } from './fault-spec.ts';

export type CallKind =
  | 'config-get'
  | 'config-put'
  | 'dns-list'
  | 'dns-batch'
  | 'dns-write'
  | 'dns-get'
  | 'tunnel'
  | 'connections'
  | 'zone'
  | 'token'
  /** The path or method does not exist. */
  | 'unknown';

export const isWrite = (kind: CallKind) =>
  kind === 'config-put' || kind === 'dns-batch' || kind === 'dns-write';

export interface Call {
  /** From 1, in the order of arrival. */
  readonly number: number;
  readonly method: string;
  /** Below the base URL, with its query: `/zones/…/dns_records?page=2`. */
  readonly path: string;
  readonly kind: CallKind;
  /** When the request's head arrived, in ms of the mock's clock. */
  readonly startedAt: number;
  /** When the mock finished the call, in ms of its clock; null while the call is in flight. */
  endedAt: number | null;
  /** The response's status; null if there was no response. */
  status: number | null;
  /** Whether the call was a write that changed the account. */
  applied: boolean;
  /** Whether the client closed the connection before the response, so that it does not know the outcome. */
  abandoned: boolean;
  fault: FaultKind | null;
  /** The parsed body; undefined without one. */
  body: unknown;
  /** How often the SDK has already sent this call (`X-Stainless-Retry-Count`). */
  readonly retry: number;
}

/** Two writes that were in flight at the same time: `second` arrived before the mock had finished `first`. */
export interface Overlap {
  readonly first: Call;
  readonly second: Call;
}

export type CallPhase =
  /** The request was read and has not been handled yet. */
  | 'before'
  /** The request was handled and its effect is visible; the response has not been sent. Skipped if a fault prevents it. */
  | 'applied'
  /** The response was sent, or the connection was closed. */
  | 'answered';

/** Called in each phase of each call. If it returns a promise, the call continues when that resolves. */
export type CallHook = (call: Call, phase: CallPhase) => unknown;
