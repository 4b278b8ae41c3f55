/** How long a call is under way. Half before it takes effect and half after, as on a real network. */
import type { Random } from './seeded-random.ts';

export interface Latency {
  /** Of the whole call, in ms. */
  ms: number;
  /** Up to so many more or fewer, evenly, in ms. */
  jitterMs?: number;
}

/** Half of one call's latency, in ms. */
export function halfLatency({ ms, jitterMs = 0 }: Latency, random: Random): number {
  return Math.max(0, ms + (random() * 2 - 1) * jitterMs) / 2;
}

/** Waits, without keeping the process alive for it; 0 does not wait at all. */
export function delay(ms: number): Promise<void> | undefined {
  if (ms <= 0) return undefined;
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
