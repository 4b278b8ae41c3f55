/** When the local edge reports drift. */

import { type BeginOptions, type DesiredState, routeId } from '../../../../../orchestrator/edges/edge.ts';
import type { LocalEdge } from '../../../../../orchestrator/edges/local/index.ts';
import { createInProcessEdge } from '../../../../support/in-process-edge.ts';

let edge: LocalEdge;
beforeEach(async () => {
  edge = createInProcessEdge();
  await edge.start();
});
afterEach(() => edge.stop());

const alice = {
  id: routeId('alice'),
  owner: 'alice',
  hostname: 'alice.localhost',
  origin: 'http://127.0.0.1:1',
  relayKey: null,
};

async function apply(mode: BeginOptions['mode']) {
  const desired: DesiredState = { routes: [alice], registered: [{ ...alice, adopt: false }] };
  const run = await edge.begin(desired, { mode, signal: new AbortController().signal });
  return run.apply(desired);
}

test('opening a route is no drift', async () => {
  expect(await apply('publish')).toEqual({ drift: [], outcomes: [], problem: null });
});

test('a route that should have been open is drift, until it is repaired', async () => {
  expect((await apply('reconcile')).drift).toMatchObject([{ id: 'alice', found: 'not open' }]);
  expect((await apply('reconcile')).drift).toEqual([]);
});
