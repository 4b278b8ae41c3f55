/** What follows from an agent's silence: the lease is over, or the agent is started again, whichever comes first. */
import { pino } from 'pino';
import { restartSilentAgents } from '../../../../orchestrator/students/silent-agents.ts';
import { ConversationRig, easyEdge, serving } from '../../../support/conversation-rig.ts';
import { waitFor } from '../../../support/wait.ts';

let rig: ConversationRig;
let restarts: string[];
const watching = new AbortController();

beforeAll(async () => {
  rig = new ConversationRig(easyEdge, ['alice']);
  restarts = [];
  rig.conversation.onReport('alice', serving(3001));
  await waitFor('the link to be live', () => rig.routes.view('alice').live);
  const { roster, lease, conversation } = rig;
  restartSilentAgents({
    roster,
    lease,
    conversation,
    environments: { restartAgent: async (name: string) => void restarts.push(name) } as never,
    restartAfterMs: 3_600_000,
    leaseMs: 30_000,
    log: pino({ level: 'silent' }),
    signal: watching.signal,
  });
});

afterAll(async () => {
  watching.abort();
  await rig.routes.stop();
});

test('a lease that is shorter than the patience with an agent closes the link when it is over', async () => {
  rig.silentMs = 30_000;
  await waitFor('the link to be closed', () => rig.routes.view('alice').phase === 'closed');
  expect(rig.routes.view('alice').reason).toBe('silent');
  expect(restarts).toEqual([]);
});

test('an agent that stays silent is started again, once for each such time', async () => {
  rig.silentMs = 3_600_000;
  await waitFor('the agent to be started again', () => restarts.length > 0);
  expect(restarts).toEqual(['alice']);
});
