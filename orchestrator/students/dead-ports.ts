/**
 * Repairs the ports of links that are open but do not answer although the agent reports: the engine's port proxy has
 * ended. A link that is live costs nothing here; `routes/readiness.ts` notices when it no longer answers.
 */
import type { Heartbeats } from '../agents/index.ts';
import type { Clock } from '../clock.ts';
import type { Diagnostic } from '../domain.ts';
import type { Log } from '../log.ts';
import type { Routes } from '../routes/index.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Roster } from './roster.ts';
import type { Student } from './student.ts';

export interface DeadPortsDeps {
  roster: Roster;
  routes: Pick<Routes, 'view'>;
  heartbeats: Pick<Heartbeats, 'sinceMs'>;
  lifecycle: Pick<Lifecycle, 'repairPort'>;
  /** The environment was connected to its network again, where it may have another address. */
  onRepair(name: string): void;
  clock: Clock;
  log: Log;
}

const CHECK_INTERVAL_MS = 2000;
/** An agent that was heard within this time reports: it sends a report every 2 s. */
const REPORTING_MS = 10_000;
/** Pause after a repair: each one interrupts the environment's connections, and a student may provoke the next. */
const REPAIR_PAUSE_MS = 30_000;
/** The pause doubles while repairs do not help: visitors of the local edge may do without the port. */
const MAX_REPAIR_PAUSE_MS = 3_600_000;

interface Attempts {
  /** On the clock that never goes back. */
  lastMs: number;
  /** How many there were since the link was live. */
  inRow: number;
  repairs: number;
  /** When the last repair succeeded; ISO 8601, UTC. */
  repairedAt: string | null;
}

export class DeadPorts {
  readonly #deps: DeadPortsDeps;
  readonly #inFlight = new Set<string>();
  readonly #attempts = new Map<string, Attempts>();

  constructor(deps: DeadPortsDeps) {
    this.#deps = deps;
  }

  /** Checks the links that are not live until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const { roster, clock } = this.#deps;
    for (;;) {
      await clock.sleep(CHECK_INTERVAL_MS, signal);
      if (signal.aborted) return;
      for (const name of this.#attempts.keys())
        if (roster.find(name) === undefined) this.#attempts.delete(name);
      for (const student of roster.all()) if (this.#needsCheck(student)) void this.#repair(student);
    }
  }

  #needsCheck({ row: { name }, environment }: Student): boolean {
    const { routes, heartbeats, clock } = this.#deps;
    const { phase, live } = routes.view(name);
    const silentMs = heartbeats.sinceMs(name);
    const attempts = this.#attempts.get(name);
    if (live && attempts !== undefined) attempts.inRow = 0;
    if (environment !== 'running' || phase !== 'open' || live) return false;
    if (silentMs === null || silentMs > REPORTING_MS || this.#inFlight.has(name)) return false;
    if (attempts === undefined) return true;
    const pauseMs = Math.min(REPAIR_PAUSE_MS * 2 ** Math.max(0, attempts.inRow - 1), MAX_REPAIR_PAUSE_MS);
    return clock.monotonicMs() - attempts.lastMs >= pauseMs;
  }

  async #repair({ row: { name } }: Student): Promise<void> {
    const { lifecycle, log, onRepair } = this.#deps;
    this.#inFlight.add(name);
    try {
      if (!(await lifecycle.repairPort(name))) return;
      log.warn(
        { student: name },
        "the engine's port proxy had ended: connected the environment to its network again",
      );
      this.#record(name, true);
      onRepair(name);
    } catch (err) {
      log.error(
        { student: name, err },
        `could not repair the environment's port: run \`devenv restart ${name}\``,
      );
      this.#record(name, false);
    } finally {
      this.#inFlight.delete(name);
    }
  }

  #record(name: string, isRepaired: boolean): void {
    const { clock } = this.#deps;
    const before = this.#attempts.get(name) ?? { inRow: 0, repairs: 0, repairedAt: null };
    const { inRow, repairs, repairedAt } = before;
    this.#attempts.set(name, {
      lastMs: clock.monotonicMs(),
      inRow: inRow + 1,
      repairs: repairs + (isRepaired ? 1 : 0),
      repairedAt: isRepaired ? new Date(clock.now()).toISOString() : repairedAt,
    });
  }

  /** Whether the open links answer, and which ports were repaired since this process started. */
  diagnose(): Diagnostic {
    const { roster, routes } = this.#deps;
    const open = roster.all().flatMap(({ row: { name } }) => {
      const view = routes.view(name);
      return view.phase === 'open' ? [{ name, ...view }] : [];
    });
    // A link that has just opened has no problem yet.
    const dead = open.filter(({ live, problem }) => !live && problem !== null);
    const repairs = [...this.#attempts]
      .filter(([, { repairedAt }]) => repairedAt !== null)
      .map(([name, each]) => `${name} (${each.repairs}×, last ${each.repairedAt})`);
    const found = [
      open.length === 0 ? 'none is open' : `${open.length - dead.length} of ${open.length} open links answer`,
      ...dead.map(({ name, problem }) => `${name}: ${problem?.what}`),
      ...(repairs.length === 0 ? [] : [`dead ports repaired: ${repairs.join(', ')}`]),
    ].join('; ');
    const next = dead.length === 0 ? null : dead.map(({ problem }) => problem?.next).join(' ');
    return { subject: 'Links', ok: dead.length === 0, found, next };
  }
}
