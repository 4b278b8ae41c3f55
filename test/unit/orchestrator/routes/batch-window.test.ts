/** How long a run waits for more changes: while they keep coming, up to a limit. */
import { BatchWindow } from '../../../../orchestrator/routes/batch-window.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

let clock: ManualClock;
let batchWindow: BatchWindow;
let stopping: AbortController;

beforeEach(() => {
  clock = new ManualClock();
  batchWindow = new BatchWindow(clock);
  stopping = new AbortController();
});

/** Opens a window. `closedAtMs` is null while it is open. */
function open(): { closedAtMs: number | null } {
  const state: { closedAtMs: number | null } = { closedAtMs: null };
  void batchWindow.closed(stopping.signal).then(() => {
    state.closedAtMs = clock.monotonicMs();
  });
  return state;
}

test('closes soon without a change, even if there was one long ago', async () => {
  batchWindow.touch();
  await clock.advance(40);
  const state = open();
  await clock.advance(100);
  expect(state.closedAtMs).toBe(40 + 15);
});

test('stays open while changes come', async () => {
  const state = open();
  await clock.advance(10);
  batchWindow.touch();
  await clock.advance(10);
  batchWindow.touch();
  await clock.advance(100);
  expect(state.closedAtMs).toBe(20 + 15);
});

test('closes after 50 ms, although changes keep coming', async () => {
  const state = open();
  for (let change = 0; change < 100; change += 1) {
    batchWindow.touch();
    await clock.advance(2);
  }
  expect(state.closedAtMs).toBe(50);
});

test('closes at once when the daemon stops, and then never opens', async () => {
  const state = open();
  await clock.advance(5);
  stopping.abort();
  await clock.advance(0);
  expect(state.closedAtMs).toBe(5);
  const later = open();
  await clock.advance(0);
  expect(later.closedAtMs).toBe(5);
});
