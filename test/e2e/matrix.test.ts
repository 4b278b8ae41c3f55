/** The two matrices: however a server is started and however a student leaves, as real people do it. */
import type { Outcome } from '../matrix/classroom.ts';
import { leavingNames, runLeaving } from '../matrix/leaving.ts';
import { showMatrix } from '../matrix/show.ts';
import { runStarting, startingWays } from '../matrix/starting.ts';

const matrices: [string, string[], () => Promise<Outcome[]>][] = [
  ['starting', startingWays.map(({ how }) => how), runStarting],
  ['leaving', leavingNames, runLeaving],
];

describe.each(matrices)('%s', (title, names, run) => {
  let outcomes: Outcome[] = [];

  beforeAll(async () => {
    outcomes = await run();
    process.stderr.write(showMatrix(title, outcomes));
  });

  test.each(names)('%s', (name) => {
    expect(outcomes.find(({ how }) => how === name)).toMatchObject({ how: name, faults: [] });
  });
});
