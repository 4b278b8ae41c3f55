/** The agent notices when the orchestrator is gone, and when it is connected but does not answer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { pino } from 'pino';
import { OrchestratorConnection } from '../../../../hooks/agent/orchestrator-connection.ts';
import { AgentSocket } from '../../../../orchestrator/agents/agent-socket.ts';
import { SOCKET_FILE_NAME } from '../../../../orchestrator/protocol/constants.ts';
import { AgentContainer } from '../../../support/agent-container.ts';
import { emptyReport } from '../../../support/empty-report.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { waitFor } from '../../../support/wait.ts';

test('an orchestrator that repeats its state is reachable; one that is silent or gone is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-connection-'));
  const clock = new ManualClock();
  const seen = { reports: 0, states: 0 };
  const socket = new AgentSocket({
    student: 'alice',
    folder,
    log: pino({ level: 'silent' }),
    clock,
    onReport: () => {
      seen.reports += 1;
    },
    onConnection: () => {},
  });
  await socket.open();
  let nowMs = performance.now();
  const now = jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
  // The agent has no stop: it gets neither its heartbeat nor, below, the timer that reconnects.
  const timer = setTimeout(() => {});
  const heartbeat = jest.spyOn(globalThis, 'setInterval').mockReturnValue(timer);
  const agent = new OrchestratorConnection(join(folder, SOCKET_FILE_NAME), () => {
    seen.states += 1;
  });
  try {
    expect(agent.isReachable).toBe(false);
    agent.start();
    agent.send(emptyReport);
    await waitFor('the report', () => seen.reports > 0);
    socket.send(AgentContainer.state());
    await waitFor('the state', () => seen.states === 1 && agent.isReachable);
    // The orchestrator answers a report, though nothing has changed.
    nowMs += 29_000;
    await clock.advance(10_000);
    agent.send(emptyReport);
    await waitFor('the state again', () => seen.states === 2 && agent.isReachable);
    nowMs += 29_000;
    expect(agent.isReachable).toBe(true);
    nowMs += 1000;
    expect(agent.isReachable).toBe(false);
  } finally {
    const reconnect = jest.spyOn(globalThis, 'setTimeout').mockReturnValue(timer);
    await socket.close();
    while (reconnect.mock.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const each of [now, heartbeat, reconnect]) each.mockRestore();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('`devenv-status` says that the orchestrator has ended, and that it is back', async () => {
  const agent = await AgentContainer.start();
  const status = () => agent.container.run('devenv-status');
  try {
    agent.send({ link: { phase: 'open', detail: 'a server listens' } });
    await waitFor('the state', () => status().includes('open: a server listens'));
    await agent.closeSocket();
    await waitFor('the unknown state', () => /^state +unknown: .* Last known state: open\.$/m.test(status()));
    await agent.openSocket();
    await waitFor('the state again', () => /^state +closed: /m.test(status()));
  } finally {
    await agent.close();
  }
});
