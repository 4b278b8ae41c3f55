/** A few students who open and close in a loop leave the calls that the others need, and do not slow them down. */
import { flapClass } from '../../../../support/flapping-class.ts';

/** The run in flight, the student's own, and one that may begin before the test has seen the link. */
const MAX_RUNS = 3;

test('six students flap: the others open at once, the budget lasts, and those who flap are told how long they wait', async () => {
  const { before, during, calls, budget, notice } = await flapClass();
  expect([...before, ...during].map(({ problem }) => problem)).toEqual(Array(24).fill(null));
  // Each waits for as many runs as without flapping students, whatever a run takes.
  expect(Math.max(...during.map(({ runs }) => runs))).toBeLessThanOrEqual(MAX_RUNS);
  expect(calls).toBeLessThan(budget);
  expect(notice).toMatch(/opened and closed too often.*automatically within \d+ s/);
});
