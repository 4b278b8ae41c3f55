/** When a link is asked whether it is live, and when no more. */
import type { Confirmation, Edge } from '../../../../orchestrator/edges/edge.ts';
import { ReadinessChecks } from '../../../../orchestrator/routes/readiness.ts';
import { ownRoute } from '../../../support/own-route.ts';

const route = ownRoute('alice');

function confirmerOf(confirm: () => Promise<Confirmation>) {
  const asked: string[] = [];
  const changed: string[] = [];
  const edge: Pick<Edge, 'confirm'> = {
    confirm: ({ id }) => {
      asked.push(id);
      return confirm();
    },
  };
  return { confirmer: new ReadinessChecks(edge as Edge, (id) => changed.push(id)), asked, changed };
}

test('asks once, and tells when it is live', async () => {
  const { confirmer, asked, changed } = confirmerOf(async () => ({ kind: 'live' }));
  confirmer.begin(route);
  confirmer.begin(route);
  await new Promise(setImmediate);
  expect(asked).toEqual(['alice']);
  expect(changed).toEqual(['alice']);
  expect(confirmer.view(route.id).live).toBe(true);
});

test('asks and tells nothing any more once it has stopped', async () => {
  const { confirmer, asked, changed } = confirmerOf(async () => ({ kind: 'live' }));
  confirmer.begin(route);
  confirmer.stop();
  confirmer.begin(route);
  await new Promise(setImmediate);
  expect(asked).toEqual(['alice']);
  expect(changed).toEqual([]);
});
