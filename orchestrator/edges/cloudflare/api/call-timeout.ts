/**
 * The limit of one call, to the last byte of its answer. The SDK's own timeout ends when the headers have come: a body
 * that stalls behind them, or trickles, would keep the lock on the tunnel for as long as it likes.
 */
import { APIError } from 'cloudflare/core/error';
import { ApiFailure } from './failures.ts';

/**
 * How long the answer to a write is still waited for when this process ends, in ms: with it the next one knows what
 * stands. What only looks is of no use to anybody then.
 */
const PARTING = 3000;

export interface CallLimitOptions {
  timeoutMs: number;
  isWrite: boolean;
  /** Ends the call at once. */
  signal: AbortSignal;
  /** This process is going: ends the call soon. */
  closing: AbortSignal | null;
}

/** Runs a call within its limits. Rejects with an `ApiFailure` where one of them was reached, else as the call does. */
export async function withinLimits<Answer>(
  { timeoutMs, isWrite, signal, closing }: CallLimitOptions,
  send: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const call = new AbortController();
  const timers = [setTimeout(() => call.abort(new ApiFailure('unknown', 'no answer in time')), timeoutMs)];
  const end = () => call.abort(new ApiFailure('aborted', 'this process is ending'));
  const endSoon = () => (isWrite ? timers.push(setTimeout(end, PARTING)) : end());
  signal.addEventListener('abort', end);
  closing?.addEventListener('abort', endSoon);
  try {
    return await send(call.signal);
  } catch (error) {
    // Where the status had come it says more than that the rest did not.
    const hasStatus = error instanceof APIError && error.status !== undefined;
    throw call.signal.aborted && !hasStatus ? call.signal.reason : error;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal.removeEventListener('abort', end);
    closing?.removeEventListener('abort', endSoon);
  }
}
