/** The simulated network latency of a call: half of it before the call takes effect and half after. */
import type { Random } from './seeded-random.ts';

export interface Latency {
  /** The whole round trip, in ms. */
  ms: number;
  /** Varies the latency evenly by up to this much in both directions, in ms. */
  jitterMs?: number;
}

/** Half of the latency of one call, in ms, with its jitter. */
export function halfLatency({ ms, jitterMs = 0 }: Latency, random: Random): number {
  return Math.max(0, ms + (random() * 2 - 1) * jitterMs) / 2;
}

/** Simulates latency without keeping the process alive; undefined for 0, so that there is no extra turn of the event loop. */
export function delay(ms: number): Promise<void> | undefined {
  if (ms <= 0) return undefined;
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
