/** A matrix as a table for people. */
import { table } from '../../orchestrator/cli/table.ts';
import type { MatrixResult } from './classroom.ts';

const seconds = (value: number | null) => (value === null ? '' : value.toFixed(1));

export function formatMatrix(title: string, outcomes: readonly MatrixResult[]): string {
  const rows = outcomes.map(({ how, live, gone, faults }) => [
    how,
    seconds(live),
    seconds(gone),
    faults.length === 0 ? 'ok' : (faults.join('; ').split('\n')[0] ?? ''),
  ]);
  return `\n${title}\n${table(['how', 'live (s)', 'gone (s)', ''], rows)}\n`;
}
