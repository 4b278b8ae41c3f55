/**
 * The cloudflare edge: wanted routes become ingress rules of a tunnel and proxied CNAMEs that lead to it. The order
 * and the promises are in `transaction.ts`; this file decides when a run is due, under which lock, and what is told.
 */
import type { Diagnostic } from '../../domain.ts';
import { DevenvError } from '../../errors.ts';
import type { BeginOptions, DesiredState, DetectedDrift, Edge, EdgeRun, Route, RunReport } from '../edge.ts';
import { Budget, CALLS_OF_A_RUN } from './api/budget.ts';
import { CloudflareApi } from './api/client.ts';
import { ApiFailure } from './api/failures.ts';
import { type InterruptedRun, Journal } from './apply/journal.ts';
import { type explain, explainWhole, withPresence } from './apply/outcomes.ts';
import { CloudflareRun } from './apply/run.ts';
import { RunScheduler } from './apply/run-scheduler.ts';
import { createTunnelLock, type HeldLock, TunnelBusy, type TunnelLock } from './apply/tunnel-lock.ts';
import type { LostUpdate } from './apply/write-ingress.ts';
import { Connectors } from './connectors.ts';
import { diagnoseCloudflare } from './diagnostics.ts';
import { checkHostname } from './hostnames.ts';
import { confirmRoute } from './live-check.ts';
import type { CloudflareEdgeOptions } from './options.ts';
import { textOf } from './plan/plan.ts';
import { msToNextGrace } from './plan/record-removals.ts';
import { servable } from './plan/servable.ts';
import { checkAtStart } from './startup-check.ts';
import type { ObservedState } from './state/observed-state.ts';
import { RuleVersions } from './state/rule-versions.ts';
import { WrittenRules } from './state/written-rules.ts';
import { Zone } from './zone.ts';

/** Cloudflare's window of its rate limit, in ms. */
const WINDOW = 300_000;
/** How long another installation's publication is waited for, in ms. */
const LOCK_PATIENCE = 30_000;

export class CloudflareEdge implements Edge {
  readonly kind = 'cloudflare';
  readonly hasCostlyWrites = true;
  readonly #options: CloudflareEdgeOptions;
  readonly #ending = new AbortController();
  readonly #budget: Budget;
  readonly #api: CloudflareApi;
  readonly #connectors: Connectors;
  readonly #lock: TunnelLock;
  readonly #journal: Journal;
  readonly #zone: Zone;
  readonly #scheduler = new RunScheduler();
  readonly #known: ObservedState;
  readonly #versions = new RuleVersions();
  /** Aborted when the daemon stops: the running call ends, and no other begins. */
  #closing: AbortSignal | null = null;
  /** The desired state that was last applied completely; null where that is not known. */
  #appliedState: string | null = null;
  #lost: (LostUpdate & { at: Date }) | null = null;

  constructor(options: CloudflareEdgeOptions) {
    this.#options = options;
    const { instance, tunnelId, metrics, store, callTimeoutMs } = options;
    const { signal } = this.#ending;
    this.#budget = new Budget({ calls: options.budget, windowMs: WINDOW });
    this.#api = new CloudflareApi({
      ...options,
      budget: this.#budget,
      signal,
      onDoubt: () => this.#scheduler.recheckAfter(callTimeoutMs),
      closing: () => this.#closing,
    });
    this.#connectors = new Connectors({ api: this.#api, budget: this.#budget, metrics, signal });
    this.#lock = options.lock ?? createTunnelLock({ tunnelId, instance, patienceMs: LOCK_PATIENCE });
    this.#known = {
      records: null,
      configuration: null,
      ways: new WrittenRules(store, tunnelId),
      idleSince: new Map(),
    };
    this.#journal = new Journal(store, callTimeoutMs);
    const { zoneId, hostname: template, allowDeep } = options;
    this.#zone = new Zone({ api: this.#api, zoneId, store, template, allowDeep });
  }

  onRunDue(due: () => void): void {
    this.#scheduler.onRunDue(() => {
      this.#appliedState = null;
      due();
    });
  }

  async start(): Promise<void> {
    const failure = await checkAtStart(this.#zone, this.#api);
    if (failure !== null)
      this.#options.log.error({ reason: failure.message }, 'Cloudflare can’t be reached; it is tried again');
  }

  hostname(student: string): Promise<string> {
    return this.#zone.hostname(student);
  }

  knownHostname(student: string): string | null {
    return this.#zone.knownHostname(student);
  }

  onHostnamesKnown(known: () => void): void {
    this.#zone.onKnown(known);
  }

  url(hostname: string): string {
    return `https://${hostname}`;
  }

  checkHostname(hostname: string): void {
    checkHostname(hostname);
  }

  async begin(preview: DesiredState, options: BeginOptions): Promise<EdgeRun> {
    const { state } = this.#servable(preview);
    if (options.mode === 'publish' && this.#isApplied(state)) return this.#beginLater(options);
    return this.#begin(state, options);
  }

  #servable(state: DesiredState): ReturnType<typeof servable> {
    return servable(state, (hostname) => this.#zone.problemOf(hostname));
  }

  #isApplied(state: DesiredState): boolean {
    return this.#appliedState !== null && this.#appliedState === textOf(state);
  }

  /** All is as desired. Only a snapshot that differs makes this run take the lock and send calls. */
  #beginLater(options: BeginOptions): EdgeRun {
    const begin = (snapshot: DesiredState) => this.#begin(this.#servable(snapshot).state, options);
    return {
      apply: async (snapshot) => {
        const { state, refused } = this.#servable(snapshot);
        if (this.#isApplied(state)) return { drift: [], outcomes: refused, problem: null };
        return (await begin(snapshot)).apply(snapshot);
      },
      diff: async (snapshot) => (await begin(snapshot)).diff(snapshot),
    };
  }

  async #begin(preview: DesiredState, { mode, signal: closing }: BeginOptions): Promise<EdgeRun> {
    const signal = AbortSignal.any([closing, this.#ending.signal]);
    this.#closing = closing;
    let lock: HeldLock | null = null;
    let run: CloudflareRun | null = null;
    // The lock is released when no call of this run can still arrive.
    const release = async () => {
      await this.#api.quiet().catch(() => undefined);
      await lock?.release();
    };
    const explained = (error: unknown) =>
      explainWhole(signal.aborted ? new ApiFailure('aborted', 'this process is ending') : error);
    try {
      const interrupted = await this.#journal.waitOut(signal);
      const acquired = await this.#lock.acquire(signal);
      if ('heldBy' in acquired) throw new TunnelBusy(acquired.heldBy);
      lock = acquired;
      const afterMs = this.#budget.waitMs(CALLS_OF_A_RUN);
      if (afterMs > 0) throw new ApiFailure('rate-limited', 'our share of calls is used up', { afterMs });
      // Without the zone's name no hostname can be judged.
      if (this.#zone.name === null) await this.#zone.learn();
      const started = this.#newRun(interrupted);
      run = started;
      await started.begin(preview, { mode, mustRead: this.#scheduler.beginRun(mode === 'reconcile') });
      return {
        apply: (snapshot) =>
          this.#apply(snapshot, started)
            .catch((error) => this.#failAll(snapshot, explained(error)))
            .finally(release),
        diff: (snapshot) =>
          this.#diff(snapshot, started)
            .catch((error) => {
              throw new DevenvError(explained(error).problem, { cause: error });
            })
            .finally(release),
      };
    } catch (error) {
      await release();
      const failure = explained(error);
      return {
        apply: async (snapshot) => {
          if (run !== null) this.#versions.note(this.#servable(snapshot).state, this.#known.configuration);
          return this.#failAll(snapshot, failure);
        },
        diff: () => {
          if (run !== null) this.#scheduler.cancelRun();
          return Promise.reject(new DevenvError(failure.problem, { cause: error }));
        },
      };
    }
  }

  async #apply(snapshot: DesiredState, run: CloudflareRun): Promise<RunReport> {
    const { state, refused } = this.#servable(snapshot);
    this.#appliedState = null;
    const result = await run
      .apply(state)
      .finally(() => this.#versions.note(state, this.#known.configuration));
    this.#scheduler.endRun();
    if (result.outcomes.length === 0 && !this.#scheduler.isUnsettled) this.#appliedState = textOf(state);
    this.#planNext();
    // Records are created before others are removed: a route that was refused for want of room fits now.
    if (result.hasMadeRoom) this.#scheduler.again(0);
    const outcomes = withPresence(result.outcomes, state, this.#known.configuration);
    return { drift: result.drift, outcomes: [...outcomes, ...refused], problem: null };
  }

  async #diff(snapshot: DesiredState, run: CloudflareRun): Promise<readonly DetectedDrift[]> {
    this.#scheduler.cancelRun();
    return run.diff(this.#servable(snapshot).state);
  }

  /** A failure of the whole run, as the outcome of each route. */
  #failAll(snapshot: DesiredState, failure: ReturnType<typeof explain>): RunReport {
    const { state, refused } = this.#servable(snapshot);
    const routes = new Map([...state.routes, ...state.registered].map((route) => [route.id, route]));
    this.#appliedState = null;
    // Without a registered route the caller retries nothing, but records or rules of ours may be left.
    if (routes.size === 0) this.#scheduler.failed(failure.afterMs);
    const failed = [...routes.values()].map(({ id, owner, hostname }) => ({
      id,
      owner,
      hostname,
      ...failure,
    }));
    const outcomes = withPresence(failed, state, this.#known.configuration);
    return { drift: [], outcomes: [...outcomes, ...refused], problem: failure.problem };
  }

  #newRun(interrupted: InterruptedRun | null): CloudflareRun {
    const { instance, tunnelId, dns, graceMs } = this.#options;
    return new CloudflareRun({
      api: this.#api,
      names: { instance, tunnelId },
      zoneName: this.#zone.name,
      dns,
      graceMs,
      journal: this.#journal,
      known: this.#known,
      interrupted,
      onLostUpdate: (lost) => this.#tellLost(lost),
    });
  }

  #tellLost(lost: LostUpdate): void {
    this.#lost = { ...lost, at: new Date() };
    this.#options.log.error(
      { read: lost.read, now: lost.now },
      `somebody else wrote the tunnel's configuration while it was being published (version ${lost.read} was read, ${lost.now} stands): what they changed between may be lost, and can't be read back. Look at the tunnel's public hostnames and put back what is missing`,
    );
  }

  /** A session's record goes when its grace is over: then a publication is due. */
  #planNext(): void {
    const { dns, graceMs } = this.#options;
    this.#scheduler.expectGrace(dns === 'session' ? msToNextGrace(this.#known.idleSince, graceMs) : null);
  }

  confirm(route: Route, signal: AbortSignal) {
    return confirmRoute({
      route,
      instance: this.#options.instance,
      version: this.#versions.of(route.hostname),
      connectors: this.#connectors,
      signal,
    });
  }

  diagnose(): Promise<Diagnostic[]> {
    return diagnoseCloudflare({
      api: this.#api,
      connectors: this.#connectors,
      budget: this.#budget,
      lost: this.#lost,
    });
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#scheduler.stop();
  }
}
