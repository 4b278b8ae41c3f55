/** One student whose link comes and goes all the time does not use up the calls of all. */
import { AgentSyncRig, exitedReport, servingReport } from '../../../../support/agent-sync-rig.ts';
import { ShiftableClock } from '../../../../support/shiftable-clock.ts';
import { waitFor } from '../../../../support/wait.ts';
import { withRig } from '../../../../support/with-rig.ts';

/** Most calls of an opening and a closing: a read and a write each, and one to check whether it is live. */
const CALLS_OF_A_FLIP = 5;
/** Openings that a student may have at once, and how often another one is allowed. */
const BURST = 20;
const REFILL_MS = 10_000;

test('a student whose link flaps is rate-limited and notified; another one opens meanwhile', async () => {
  const clock = new ShiftableClock();
  await withRig({ budget: 160, clock }, async ({ mock, rig }) => {
    await rig.edge.start();
    const { agentSync, routes, states } = new AgentSyncRig({
      edge: rig.edge,
      clock,
      students: ['mallory', 'bob'],
    });
    try {
      await waitFor('the records', () => mock.account.records.length === 2);
      await rig.whenIdle();
      const from = mock.calls.length;
      const startedMs = performance.now();
      const isHeld = () => routes.view('mallory').reason === 'rate-limited';
      for (let flip = 0; flip < 80; flip += 1) {
        const isIn = flip % 2 === 0;
        agentSync.onReport('mallory', isIn ? servingReport(3001) : exitedReport());
        // Until the edge has it: flips that are over before they are taken in cost nothing.
        const isThere = () => routes.view('mallory').phase === (isIn ? 'open' : 'closed');
        await waitFor('the flip, or its refusal', () => isThere() || isHeld(), { everyMs: 5 });
      }
      agentSync.onReport('mallory', servingReport(3001));
      const openings = BURST + 1 + Math.floor((performance.now() - startedMs) / REFILL_MS);
      expect(mock.calls.length - from).toBeLessThanOrEqual(openings * CALLS_OF_A_FLIP);
      expect(routes.view('mallory')).toMatchObject({ phase: 'closed', problem: { code: 'rate-limited' } });
      expect(states.get('mallory')?.notices.at(-1)?.text).toContain('opened and closed too often');

      agentSync.onReport('bob', servingReport(3002));
      await waitFor('bob to be open', () => routes.view('bob').phase === 'open');
      expect(routes.view('bob').problem).toBeNull();
      // Automatically, with no other report.
      const { until = '' } = routes.view('mallory').problem ?? {};
      clock.skip(Date.parse(until) - clock.now());
      await waitFor('mallory to be open', () => routes.view('mallory').phase === 'open');
    } finally {
      await routes.stop();
    }
  });
});
