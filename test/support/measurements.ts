/** Figures of repeated measurements. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN;

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** How long a task took, in ms. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}

/** One line of a benchmark: what, its figure with unit, and its ratio to what it is compared with. */
export function printMeasurement(what: string, figure: string, ratio?: { to: string; is: number }): void {
  const comparison = ratio === undefined ? '' : `   ${ratio.is.toFixed(2)} × ${ratio.to}`;
  console.log(`${what.padEnd(44)} ${figure.padStart(12)}${comparison}`);
}
