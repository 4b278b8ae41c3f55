/**
 * Looks after silent agents: one whose container runs and who has not reported for a while is started again. The
 * lease itself is the routes' business; here they are only made to look at it.
 */
import { setInterval as every } from 'node:timers/promises';
import type { Heartbeats } from '../agents/heartbeats.ts';
import type { Environments } from '../environments/types.ts';
import type { Log } from '../log.ts';
import type { AgentSync } from './agent-sync.ts';
import type { Roster, Student } from './roster.ts';

export interface WatchdogOptions {
  roster: Roster;
  lease: Heartbeats;
  conversation: AgentSync;
  environments: Environments;
  /** Silence after which an agent is started again, and the pause between two tries, in ms. */
  restartAfterMs: number;
  /** Silence after which an agent's link is closed, in ms. */
  leaseMs: number;
  log: Log;
  signal: AbortSignal;
}

/** An agent reports every 2 s: silence is looked at this often, in ms. */
const LOOK_EVERY = 1000;

/** Looks until the signal aborts; returns at once. */
export function restartSilentAgents(options: WatchdogOptions): void {
  const { roster, lease, conversation, environments, restartAfterMs, leaseMs, log, signal } = options;
  const restartedAt = new Map<string, number>();

  const look = (student: Student) => {
    const { name } = student.row;
    const silentMs = student.environment === 'running' ? (lease.sinceMs(name) ?? 0) : 0;
    if (silentMs >= leaseMs) conversation.reconcile(student);
    if (silentMs < restartAfterMs) {
      restartedAt.delete(name);
      return;
    }
    const now = performance.now();
    if (now - (restartedAt.get(name) ?? -Infinity) < restartAfterMs) return;
    restartedAt.set(name, now);
    log.warn(
      { student: name },
      `the agent has been silent for ${Math.round(silentMs / 1000)} s: starting it again`,
    );
    environments
      .restartAgent(name)
      .catch((err) => log.error({ student: name, err }, 'the agent could not be started again'));
  };

  void (async () => {
    try {
      for await (const _ of every(LOOK_EVERY, undefined, { signal })) roster.all().forEach(look);
    } catch {
      // Aborted: the daemon is going down.
    }
  })();
}
