/** The two matrices: however a server is started and however a student leaves, as real people do it. */
import type { MatrixResult } from '../matrix/classroom.ts';
import { formatMatrix } from '../matrix/format.ts';
import { leaveRowNames, runLeaving } from '../matrix/leave-rows.ts';
import { runStarting, startRows } from '../matrix/start-rows.ts';

const matrices: [string, string[], () => Promise<MatrixResult[]>][] = [
  ['starting', startRows.map(({ how }) => how), runStarting],
  ['leaving', leaveRowNames, runLeaving],
];

describe.each(matrices)('%s', (title, names, run) => {
  let outcomes: MatrixResult[] = [];

  beforeAll(async () => {
    outcomes = await run();
    process.stderr.write(formatMatrix(title, outcomes));
  });

  test.each(names)('%s', (name) => {
    expect(outcomes.find(({ how }) => how === name)).toMatchObject({ how: name, faults: [] });
  });
});
