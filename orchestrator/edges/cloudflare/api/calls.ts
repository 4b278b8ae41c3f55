/**
 * One call through Cloudflare's SDK, as we want it: with our settings only, sent once, and limited in time to the last
 * byte of the answer.
 */
import { APIError } from 'cloudflare/core/error';
import { BaseRecords } from 'cloudflare/resources/dns/records';
import { createClient } from 'cloudflare/tree-shakable';
import type { Clock } from '../../../clock.ts';
import { ApiFailure } from './failures.ts';

/** The longest that a timer of Node takes: 24.8 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface SdkClientOptions {
  token: string;
  baseUrl: string;
  fetch?: typeof fetch;
}

/**
 * Makes something while the environment has nothing for the SDK, which reads it when a client is made: keys, an email
 * and headers that are there for other programs would be sent beside our token, or instead of it.
 */
function withoutEnvironment<Made>(make: () => Made): Made {
  const kept = Object.entries(process.env).filter(([name]) => name.startsWith('CLOUDFLARE_'));
  for (const [name] of kept) delete process.env[name];
  try {
    return make();
  } finally {
    for (const [name, value] of kept) process.env[name] = value;
  }
}

/** The SDK's client; it sends each call once. */
export const createSdkClient = (options: SdkClientOptions) =>
  withoutEnvironment(() =>
    createClient({
      apiToken: options.token,
      baseURL: options.baseUrl,
      maxRetries: 0,
      // `sendWithinLimits` has the timeout: the SDK's ends at the headers.
      timeout: MAX_TIMER_MS,
      // The SDK's own log could show headers and bodies.
      logLevel: 'off',
      resources: [BaseRecords],
      ...(options.fetch && { fetch: options.fetch }),
    }),
  );

/** How long this process, when it stops, still waits for the answer to a write: it tells the next one what happened. */
const SHUTDOWN_GRACE_MS = 3000;

export interface CallLimits {
  /** To the last byte of the answer: a body that stalls behind its headers would keep the tunnel's lock. */
  timeoutMs: number;
  isWrite: boolean;
  /** Ends the call at once. */
  signal: AbortSignal;
  /** Ends the call soon: this process is stopping. */
  closing: AbortSignal | null;
  clock: Clock;
}

/** Runs a call within its limits. Rejects with an `ApiFailure` where one of them was reached, else as the call does. */
export async function sendWithinLimits<Answer>(
  { timeoutMs, isWrite, signal, closing, clock }: CallLimits,
  send: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const call = new AbortController();
  const timers = [
    clock.setTimer(() => call.abort(new ApiFailure('unknown', 'no answer in time')), timeoutMs),
  ];
  const end = () => call.abort(new ApiFailure('aborted', 'this process is ending'));
  const endSoon = () => (isWrite ? timers.push(clock.setTimer(end, SHUTDOWN_GRACE_MS)) : end());
  signal.addEventListener('abort', end);
  closing?.addEventListener('abort', endSoon);
  try {
    return await send(call.signal);
  } catch (error) {
    // Where the status had come it says more than that the rest did not.
    const hasStatus = error instanceof APIError && error.status !== undefined;
    throw call.signal.aborted && !hasStatus ? call.signal.reason : error;
  } finally {
    for (const timer of timers) timer.cancel();
    signal.removeEventListener('abort', end);
    closing?.removeEventListener('abort', endSoon);
  }
}
