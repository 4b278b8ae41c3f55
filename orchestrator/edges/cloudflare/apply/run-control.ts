/**
 * Begins and ends runs: under the tunnel's lock, after calls of an interrupted run, within the budget; and only where
 * the desired state is not the one that was applied last.
 */
import type { Clock } from '../../../clock.ts';
import { DevenvError } from '../../../errors.ts';
import type { BeginOptions, DesiredState, DetectedDrift, EdgeRun, RunReport } from '../../edge.ts';
import { type Budget, CALLS_OF_A_RUN } from '../api/budget.ts';
import type { CloudflareApi } from '../api/client.ts';
import { ApiFailure } from '../api/failures.ts';
import type { ObservedState } from '../state/observed-state.ts';
import type { Zone } from '../zone.ts';
import type { InterruptedRun, Journal } from './journal.ts';
import { type explain, explainRun, withPresence } from './outcomes.ts';
import { CloudflareRun } from './run.ts';
import type { RunScheduler } from './run-scheduler.ts';
import type { RunDeps } from './steps.ts';
import { type HeldLock, TunnelBusy, type TunnelLock } from './tunnel-lock.ts';

export interface RunControlDeps {
  api: CloudflareApi;
  budget: Budget;
  clock: Clock;
  journal: Journal;
  lock: TunnelLock;
  observed: ObservedState;
  scheduler: RunScheduler;
  zone: Zone;
  /** Aborted when the edge stops. */
  signal: AbortSignal;
  /** What each run is made with, besides the above. */
  runOptions: Pick<RunDeps, 'names' | 'dns' | 'graceMs' | 'onLostUpdate'>;
}

/** A desired state as a text that is the same for equal states. */
function textOf({ routes, registered }: DesiredState): string {
  const lines = [
    ...routes.map(({ hostname, origin }) => `${hostname} ${origin}`),
    ...registered.map(({ hostname, adopt }) => `${hostname} is registered${adopt ? ', adopting' : ''}`),
  ];
  return lines.sort().join('\n');
}

type Failure = ReturnType<typeof explain>;

export class RunControl {
  readonly #deps: RunControlDeps;
  /** Aborted when the daemon stops: the call in flight ends soon, and no other begins. */
  #closing: AbortSignal | null = null;
  /** The desired state that was last applied completely; null where that is not known. */
  #appliedState: string | null = null;

  constructor(deps: RunControlDeps) {
    this.#deps = deps;
  }

  get closing(): AbortSignal | null {
    return this.#closing;
  }

  /** What was applied may not be so any more: the next run begins in any case. */
  forgetApplied(): void {
    this.#appliedState = null;
  }

  async begin(preview: DesiredState, options: BeginOptions): Promise<EdgeRun> {
    const { state } = this.#deps.zone.servable(preview);
    if (options.mode === 'publish' && this.#isApplied(state)) return this.#beginLater(options);
    return this.#begin(state, options);
  }

  #isApplied(state: DesiredState): boolean {
    return this.#appliedState !== null && this.#appliedState === textOf(state);
  }

  /** All is as desired. Only a snapshot that differs makes this run take the lock and send calls. */
  #beginLater(options: BeginOptions): EdgeRun {
    const begin = (snapshot: DesiredState) => this.#begin(this.#deps.zone.servable(snapshot).state, options);
    return {
      apply: async (snapshot) => {
        const { state, refused } = this.#deps.zone.servable(snapshot);
        if (this.#isApplied(state)) return { drift: [], outcomes: refused, problem: null };
        return (await begin(snapshot)).apply(snapshot);
      },
      diff: async (snapshot) => (await begin(snapshot)).diff(snapshot),
    };
  }

  async #begin(preview: DesiredState, { mode, signal: closing }: BeginOptions): Promise<EdgeRun> {
    const { api, clock, journal, observed, scheduler, zone } = this.#deps;
    const signal = AbortSignal.any([closing, this.#deps.signal]);
    this.#closing = closing;
    let lock: HeldLock | null = null;
    let run: CloudflareRun | null = null;
    const explained = (error: unknown) =>
      explainRun(signal.aborted ? new ApiFailure('aborted', 'this process is ending') : error, clock);
    const refuse = (error: unknown): never => {
      throw new DevenvError(explained(error).problem, { cause: error });
    };
    // The lock is released when no call of this run can still arrive.
    const release = async () => {
      await api.quiet().catch(() => undefined);
      await lock?.release();
    };
    try {
      const interrupted = await journal.waitOut(signal);
      lock = await this.#acquireLock(signal);
      await this.#checkPreconditions();
      const started = this.#newRun(interrupted);
      run = started;
      await started.begin(preview, { mode, mustRead: scheduler.beginRun(mode === 'reconcile') });
      const fail = (snapshot: DesiredState) => (error: unknown) => this.#failAll(snapshot, explained(error));
      return {
        apply: (snapshot) => this.#apply(snapshot, started).catch(fail(snapshot)).finally(release),
        diff: (snapshot) => this.#diff(snapshot, started).catch(refuse).finally(release),
      };
    } catch (error) {
      await release();
      const failure = explained(error);
      return {
        apply: async (snapshot) => {
          if (run !== null) observed.noteRuleVersions(zone.servable(snapshot).state);
          return this.#failAll(snapshot, failure);
        },
        diff: async () => {
          if (run !== null) scheduler.cancelRun();
          return refuse(error);
        },
      };
    }
  }

  async #acquireLock(signal: AbortSignal): Promise<HeldLock> {
    const lock = await this.#deps.lock.acquire(signal);
    if ('heldBy' in lock) throw new TunnelBusy(lock.heldBy);
    return lock;
  }

  /** Throws an `ApiFailure` where a run could not get to its end now. */
  async #checkPreconditions(): Promise<void> {
    const { budget, zone } = this.#deps;
    const afterMs = budget.waitMs(CALLS_OF_A_RUN);
    if (afterMs > 0) throw new ApiFailure('rate-limited', 'our share of calls is used up', { afterMs });
    // Without the zone's name no hostname can be checked.
    if (zone.name === null) await zone.learn();
  }

  #newRun(interrupted: InterruptedRun | null): CloudflareRun {
    const { api, clock, journal, observed, zone, runOptions } = this.#deps;
    return new CloudflareRun({
      api,
      clock,
      journal,
      observed,
      zoneName: zone.name,
      ...runOptions,
      interrupted,
    });
  }

  async #apply(snapshot: DesiredState, run: CloudflareRun): Promise<RunReport> {
    const { observed, scheduler, zone } = this.#deps;
    const { state, refused } = zone.servable(snapshot);
    this.#appliedState = null;
    const result = await run.apply(state).finally(() => observed.noteRuleVersions(state));
    scheduler.endRun();
    if (result.outcomes.length === 0 && !scheduler.hasCallInFlight) this.#appliedState = textOf(state);
    this.#scheduleGrace();
    // Records are created before others are removed: a route that was refused for want of room fits now.
    if (result.hasMadeRoom) scheduler.again(0);
    const outcomes = withPresence(result.outcomes, state, observed.configuration);
    return { drift: result.drift, outcomes: [...outcomes, ...refused], problem: null };
  }

  /** A session's record is removed when its grace period is over: a run is due then. */
  #scheduleGrace(): void {
    const { observed, scheduler, runOptions } = this.#deps;
    const { dns, graceMs } = runOptions;
    scheduler.expectGrace(dns === 'session' ? observed.msToNextGrace(graceMs) : null);
  }

  async #diff(snapshot: DesiredState, run: CloudflareRun): Promise<readonly DetectedDrift[]> {
    this.#deps.scheduler.cancelRun();
    return run.diff(this.#deps.zone.servable(snapshot).state);
  }

  /** A failure of the whole run, as the outcome of each route. */
  #failAll(snapshot: DesiredState, failure: Failure): RunReport {
    const { observed, scheduler, zone } = this.#deps;
    const { state, refused } = zone.servable(snapshot);
    const routes = new Map([...state.routes, ...state.registered].map((route) => [route.id, route]));
    this.#appliedState = null;
    // Without a registered route the caller retries nothing, but records or rules of ours may be left.
    if (routes.size === 0) scheduler.failed(failure.afterMs);
    const failed = [...routes.values()].map(({ id, owner, hostname }) => ({
      id,
      owner,
      hostname,
      ...failure,
    }));
    const outcomes = withPresence(failed, state, observed.configuration);
    return { drift: [], outcomes: [...outcomes, ...refused], problem: failure.problem };
  }
}
