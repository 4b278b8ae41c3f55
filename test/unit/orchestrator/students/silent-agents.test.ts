/** What follows from an agent's silence: the link is closed, or the agent is restarted, whichever comes first. */
import { pino } from 'pino';
import { watchSilentAgents } from '../../../../orchestrator/students/silent-agents.ts';
import { AgentSyncRig, instantEdge, servingReport } from '../../../support/agent-sync-rig.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const RESTART_AFTER_MS = 3_600_000;
const CLOSE_AFTER_MS = 30_000;

let rig: AgentSyncRig;
let clock: ManualClock;
let restarts: string[];
let watching: AbortController;

beforeEach(async () => {
  clock = new ManualClock();
  rig = new AgentSyncRig({ edge: instantEdge, clock, students: ['alice'] });
  restarts = [];
  watching = new AbortController();
  rig.agentSync.onReport('alice', servingReport(3001));
  await clock.advance(1);
  expect(rig.routes.view('alice').live).toBe(true);
  const { roster, heartbeats, agentSync } = rig;
  void watchSilentAgents({
    roster,
    heartbeats,
    agentSync,
    environments: { restartAgent: async (name: string) => void restarts.push(name) } as never,
    clock,
    restartAfterMs: RESTART_AFTER_MS,
    closeAfterMs: CLOSE_AFTER_MS,
    log: pino({ level: 'silent' }),
    signal: watching.signal,
  });
});

afterEach(async () => {
  watching.abort();
  await rig.routes.stop();
});

test('silence closes the link, although the agent is not restarted yet', async () => {
  rig.silentMs = CLOSE_AFTER_MS;
  await clock.advance(1000);
  expect(rig.routes.view('alice')).toMatchObject({ phase: 'closed', reason: 'agent-silent' });
  expect(restarts).toEqual([]);
});

test('an agent that stays silent is restarted, once per timeout', async () => {
  rig.silentMs = RESTART_AFTER_MS;
  await clock.advance(1000);
  expect(restarts).toEqual(['alice']);
  await clock.advance(RESTART_AFTER_MS - 1000);
  expect(restarts).toEqual(['alice']);
  await clock.advance(1000);
  expect(restarts).toEqual(['alice', 'alice']);
});
