/** Runs the rows of a matrix and prints their results. */
import { table } from '../../orchestrator/cli/table.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';
import { GRACE_S } from './classroom.ts';
import type { ClassroomStudent } from './classroom-student.ts';

/** A link that closes within this time has closed at once, and not after the grace period. */
export const AT_ONCE_S = GRACE_S - 5;
/** A link that closes at the end of the grace period closes between these times. */
export const AFTER_GRACE_S = { from: GRACE_S - 1, to: GRACE_S + 30 } as const;

/** Times are in seconds; null if the row has none. */
export interface MatrixResult {
  row: string;
  liveSeconds: number | null;
  goneSeconds: number | null;
  /** Everything that differed from the expectation. The row passes if it is empty. */
  problems: string[];
}

/** Whether the terminal's client ends without further input. */
export const endsInTime = (terminal: Terminal): Promise<boolean> => {
  let hasEnded = false;
  void terminal.ended.then(() => {
    hasEnded = true;
  });
  return waitFor('the client to end', () => hasEnded).catch(() => false);
};

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Distributes the rows over the students, who work side by side; returns the results in the rows' order. */
export async function runRows<Row extends { name: string }>(
  rows: readonly Row[],
  students: readonly ClassroomStudent[],
  runRow: (row: Row, student: ClassroomStudent) => Promise<MatrixResult>,
): Promise<MatrixResult[]> {
  const results = new Map<Row, MatrixResult>();
  const waiting = [...rows];
  const work = async (student: ClassroomStudent) => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const { name } = row;
      const result = await runRow(row, student).catch(
        (error: unknown): MatrixResult => ({
          row: name,
          liveSeconds: null,
          goneSeconds: null,
          problems: [messageOf(error)],
        }),
      );
      await student
        .reset()
        .catch((error: unknown) => result.problems.push(`afterwards: ${messageOf(error)}`));
      results.set(row, result);
      process.stderr.write(`${result.problems.length === 0 ? '✓' : '✗'} ${name}\n`);
    }
  };
  await Promise.all(students.map(work));
  return rows.flatMap((row) => results.get(row) ?? []);
}

const seconds = (value: number | null) => (value === null ? '' : value.toFixed(1));

/** The results as a table for people. */
export function formatMatrix(title: string, results: readonly MatrixResult[]): string {
  const lines = results.map(({ row, liveSeconds, goneSeconds, problems }) => [
    row,
    seconds(liveSeconds),
    seconds(goneSeconds),
    problems.length === 0 ? 'ok' : (problems.join('; ').split('\n')[0] ?? ''),
  ]);
  return `\n${title}\n${table(['row', 'live (s)', 'gone (s)', 'result'], lines)}\n`;
}
