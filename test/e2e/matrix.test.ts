/** The start and the leave matrix: every way to start a server and every way to leave, in real terminals. */
import { leaveRowNames, runLeaveMatrix } from '../matrix/leave-matrix.ts';
import { formatMatrix, type MatrixResult } from '../matrix/rows.ts';
import { runStartMatrix } from '../matrix/start-matrix.ts';
import { startRows } from '../matrix/start-rows.ts';

const matrices: [string, string[], () => Promise<MatrixResult[]>][] = [
  ['starting a server', startRows.map(({ name }) => name), runStartMatrix],
  ['leaving', leaveRowNames, runLeaveMatrix],
];

describe.each(matrices)('%s', (title, names, run) => {
  let results: MatrixResult[] = [];

  beforeAll(async () => {
    results = await run();
    process.stderr.write(formatMatrix(title, results));
  });

  test.each(names)('%s', (name) => {
    expect(results.find(({ row }) => row === name)).toMatchObject({ row: name, problems: [] });
  });
});
