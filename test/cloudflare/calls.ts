/** What is remembered of every call. */
import type { FaultKind } from './faults.ts';

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
  /** No such path or method. */
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
  /** When its head arrived, in ms of the mock's clock. */
  readonly startedAt: number;
  /** When the mock was through with it, in ms; null while it is not. */
  endedAt: number | null;
  /** Null where there was no answer. */
  status: number | null;
  /** It was a write, and the world has changed. */
  applied: boolean;
  /** The client was gone before the answer: it does not know what happened. */
  abandoned: boolean;
  fault: FaultKind | null;
  /** The parsed body; undefined without one. */
  body: unknown;
  /** How often the SDK has sent this before by itself (`X-Stainless-Retry-Count`). */
  readonly retry: number;
}

/** Two writes that were under way at once. `second` arrived while the mock was not through with `first`. */
export interface Overlap {
  readonly first: Call;
  readonly second: Call;
}

export type CallPhase =
  /** Read, and nothing done about it. */
  | 'before'
  /** Handled: what it changes is changed, and the answer has not been sent. Not called where a fault prevents it. */
  | 'applied'
  /** Answered, or broken off. */
  | 'answered';

/** A promise is awaited: the call goes on when it has resolved. */
export type CallHook = (call: Call, phase: CallPhase) => unknown;
