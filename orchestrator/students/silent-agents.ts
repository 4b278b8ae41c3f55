/**
 * Watches for silent agents. An agent that has sent no heartbeat for a while is restarted; later its link is closed,
 * which the routes decide when they get the new facts.
 */
import type { Heartbeats } from '../agents/index.ts';
import type { Clock } from '../clock.ts';
import type { Environments } from '../environments/types.ts';
import type { Log } from '../log.ts';
import type { AgentSync } from './agent-sync.ts';
import type { Roster } from './roster.ts';
import type { Student } from './student.ts';

export interface SilentAgentsOptions {
  roster: Roster;
  heartbeats: Heartbeats;
  agentSync: AgentSync;
  environments: Environments;
  clock: Clock;
  /** Silence after which an agent is restarted, and the pause between two restarts. */
  restartAfterMs: number;
  /** Silence after which an agent's link is closed. */
  closeAfterMs: number;
  log: Log;
  signal: AbortSignal;
}

/** Agents report every 2 s. */
const CHECK_INTERVAL_MS = 1000;

/** Checks all agents until the signal aborts. */
export async function watchSilentAgents(options: SilentAgentsOptions): Promise<void> {
  const { roster, heartbeats, agentSync, environments, clock, log, signal } = options;
  const { restartAfterMs, closeAfterMs } = options;
  const restartedAtMs = new Map<string, number>();

  const check = (student: Student) => {
    const { name } = student.row;
    const silentMs = student.environment === 'running' ? (heartbeats.sinceMs(name) ?? 0) : 0;
    if (silentMs >= closeAfterMs) agentSync.reconcile(student);
    if (silentMs < restartAfterMs) {
      restartedAtMs.delete(name);
      return;
    }
    const nowMs = clock.monotonicMs();
    if (nowMs - (restartedAtMs.get(name) ?? -Infinity) < restartAfterMs) return;
    restartedAtMs.set(name, nowMs);
    log.warn(
      { student: name },
      `restarting the agent: it has been silent for ${Math.round(silentMs / 1000)} s`,
    );
    environments
      .restartAgent(name)
      .catch((err) => log.error({ student: name, err }, 'could not restart the agent'));
  };

  for (;;) {
    await clock.sleep(CHECK_INTERVAL_MS, signal);
    if (signal.aborted) return;
    for (const student of roster.all()) check(student);
  }
}
