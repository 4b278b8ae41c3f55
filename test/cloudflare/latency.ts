/** How long a call is under way. Half before it takes effect and half after, as on a real network. */
import type { Random } from './random.ts';

export interface Latency {
  /** Of the whole call, in ms. */
  ms: number;
  /** Up to so many more or fewer, evenly, in ms. */
  jitter?: number;
}

/** Half of one call's latency, in ms. */
export function halfLatency({ ms, jitter = 0 }: Latency, random: Random): number {
  return Math.max(0, ms + (random() * 2 - 1) * jitter) / 2;
}

/** Waits, without keeping the process alive for it; 0 does not wait at all. */
export function pause(ms: number): Promise<void> | undefined {
  if (ms <= 0) return undefined;
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
