/** Statistics and output of benchmarks. */

/** The value below which `share` (0 to 1) of the values lie; NaN for no values. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The percentiles that benchmarks print. */
export const PERCENTILES = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;

/** How long a task took, in ms. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}

/** Prints one measurement: its name, its value with unit, and its ratio to a reference, which any machine can compare. */
export function printMeasurement(name: string, value: string, ratio?: { to: string; is: number }): void {
  const comparison = ratio === undefined ? '' : `   ${ratio.is.toFixed(2)} × ${ratio.to}`;
  console.log(`${name.padEnd(48)} ${value.padStart(12)}${comparison}`);
}
