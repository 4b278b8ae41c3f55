/** From the moment in which a run was told to close a link until one has ended well, the link may be gone: nobody calls it open. */
import { pino } from 'pino';
import { type Edge, routeId } from '../../../../orchestrator/edges/edge.ts';
import { Reconciler } from '../../../../orchestrator/routes/reconciler.ts';
import { MemoryEdge, problem } from '../../../support/memory-edge.ts';
import { ownRoute } from '../../../support/own-route.ts';
import { waitFor } from '../../../support/wait.ts';

const route = ownRoute('a');

let edge: MemoryEdge;
let publisher: Reconciler;
const phase = () => publisher.phase(routeId('a')).phase;

beforeEach(async () => {
  edge = new MemoryEdge();
  publisher = new Reconciler({
    edge: edge as unknown as Edge,
    log: pino({ level: 'silent' }),
    onChange: () => {},
  });
  publisher.start();
  publisher.register(route);
  publisher.setDesired(routeId('a'), true);
  await waitFor('the route', () => phase() === 'open');
});

afterEach(() => publisher.stop());

/** The link is to go; back again as soon as a run has heard of it. */
async function leaveAndReturn(): Promise<void> {
  const back = Promise.withResolvers<void>();
  edge.afterSnapshot = () => {
    edge.afterSnapshot = () => {};
    publisher.setDesired(routeId('a'), true);
    back.resolve();
  };
  publisher.setDesired(routeId('a'), false);
  await back.promise;
}

test('who comes back while the link is being closed has it opening until it is there again', async () => {
  await leaveAndReturn();
  expect(phase()).toBe('opening');
  expect(publisher.changing()).toEqual(['a']);
  await waitFor('the closing', () => !edge.open.has('a'), { everyMs: 1 });
  expect(phase()).toBe('opening');
  await waitFor('the route', () => phase() === 'open');
  expect(edge.open.has('a')).toBe(true);
});

test('who comes back before a run has heard of the closing has the link open all the while', () => {
  publisher.setDesired(routeId('a'), false);
  expect(phase()).toBe('closing');
  publisher.setDesired(routeId('a'), true);
  expect(phase()).toBe('open');
});

test('a mere look closes nothing', async () => {
  const looked = publisher.reconcile(false);
  publisher.setDesired(routeId('a'), false);
  await looked;
  publisher.setDesired(routeId('a'), true);
  expect(phase()).toBe('open');
});

test('a closing that failed with nothing known of what stands leaves the link opening, and why is told', async () => {
  edge.fail = () => 'retry';
  await leaveAndReturn();
  await waitFor('the failure', () => publisher.phase(routeId('a')).problem);
  expect(publisher.phase(routeId('a'))).toEqual({ phase: 'opening', problem });
  edge.fail = () => 'applied';
  await waitFor('the route', () => phase() === 'open');
});

test.each(['retry', 'refused'] as const)(
  'what is known to stand after a run that failed (%s) counts, whatever it was to do',
  async (kind) => {
    edge.knows = true;
    edge.fail = () => kind;
    publisher.setDesired(routeId('a'), false);
    await waitFor('the failure', () => publisher.phase(routeId('a')).problem);
    expect(publisher.phase(routeId('a'))).toEqual({ phase: 'closing', problem });
    publisher.setDesired(routeId('a'), true);
    expect(publisher.phase(routeId('a'))).toEqual({ phase: 'open', problem: null });
    edge.open.delete('a');
    await publisher.reconcile(true);
    expect(publisher.phase(routeId('a'))).toEqual({ phase: 'opening', problem });
    publisher.setDesired(routeId('a'), false);
    expect(phase()).toBe('closed');
  },
);
