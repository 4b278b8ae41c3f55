/** The phase of a link that closes: once a run was told to remove it, it may be gone until a run has reported. */
import { pino } from 'pino';
import { type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { Reconciler } from '../../../../orchestrator/routes/reconciler.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemoryEdge, problem } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';

/** Longer than a run: batch window and latency. */
const RUN_MS = 100;

const id = routeId('a');

let clock: ManualClock;
let edge: MemoryEdge;
let reconciler: Reconciler;
const phase = () => reconciler.phase(id).phase;

beforeEach(async () => {
  clock = new ManualClock();
  edge = new MemoryEdge(clock);
  reconciler = new Reconciler({
    edge: edge as unknown as Edge,
    clock,
    log: pino({ level: 'silent' }),
    onChange: () => {},
  });
  reconciler.start();
  reconciler.register(ownRoute('a'));
  reconciler.setDesired(id, true);
  await clock.advance(RUN_MS);
  expect(phase()).toBe('open');
});

afterEach(async () => {
  const stopped = reconciler.stop();
  await clock.advance(1000);
  await stopped;
});

/** The student leaves, and returns as soon as a run has the closing in its snapshot. */
async function leaveAndReturn(): Promise<void> {
  let hasReturned = false;
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    reconciler.setDesired(id, true);
    hasReturned = true;
  };
  reconciler.setDesired(id, false);
  while (!hasReturned) await clock.advance(1);
}

test('a student who returns while the link is being closed has it opening until a run has written it again', async () => {
  await leaveAndReturn();
  expect(phase()).toBe('opening');
  expect(reconciler.changing()).toEqual(['a']);
  while (edge.open.has('a')) await clock.advance(1);
  expect(phase()).toBe('opening');
  await clock.advance(RUN_MS);
  expect(phase()).toBe('open');
  expect(edge.open.has('a')).toBe(true);
});

test('a student who returns before the snapshot has the link open the whole time', () => {
  reconciler.setDesired(id, false);
  expect(phase()).toBe('closing');
  reconciler.setDesired(id, true);
  expect(phase()).toBe('open');
});

test('a dry run closes nothing', async () => {
  const phaseAfter = reconciler.reconcile(false).then(() => {
    reconciler.setDesired(id, true);
    return phase();
  });
  reconciler.setDesired(id, false);
  await clock.advance(RUN_MS);
  expect(await phaseAfter).toBe('open');
});

test('a failed closing of unknown result leaves the link opening, with the problem', async () => {
  edge.fail = () => 'retry';
  await leaveAndReturn();
  await clock.advance(RUN_MS);
  expect(reconciler.phase(id)).toEqual({ phase: 'opening', problem });
  edge.fail = () => 'applied';
  await clock.advance(1000);
  expect(phase()).toBe('open');
});

test.each(['retry', 'refused'] as const)(
  'what the edge reports as present after a failed run (%s) counts, whatever the run was for',
  async (kind) => {
    edge.knowsPresence = true;
    edge.fail = () => kind;
    reconciler.setDesired(id, false);
    await clock.advance(RUN_MS);
    expect(reconciler.phase(id)).toEqual({ phase: 'closing', problem });
    reconciler.setDesired(id, true);
    expect(reconciler.phase(id)).toEqual({ phase: 'open', problem: null });
    edge.open.delete('a');
    const done = reconciler.reconcile(true);
    await clock.advance(RUN_MS);
    await done;
    expect(reconciler.phase(id)).toEqual({ phase: 'opening', problem });
    reconciler.setDesired(id, false);
    expect(phase()).toBe('closed');
  },
);
