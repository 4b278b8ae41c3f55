/**
 * The cloudflare edge: desired routes become ingress rules of a tunnel, and proxied CNAMEs that point to it. This file
 * wires the parts; `apply/run.ts` has the order of the steps, and `plan/ownership.ts` what is ours.
 */
import type { Clock } from '../../clock.ts';
import type { Diagnostic } from '../../domain.ts';
import type { Log } from '../../log.ts';
import type { RateLimit } from '../../token-bucket.ts';
import type { BeginOptions, DesiredState, Edge, EdgeRun, Route } from '../edge.ts';
import { Budget } from './api/budget.ts';
import { CloudflareApi } from './api/client.ts';
import { Journal, type JournalStore } from './apply/journal.ts';
import { RunControl } from './apply/run-control.ts';
import { RunScheduler } from './apply/run-scheduler.ts';
import { createTunnelLock, type TunnelLock } from './apply/tunnel-lock.ts';
import type { LostUpdate } from './apply/write-ingress.ts';
import { Connectors } from './connectors.ts';
import { checkAtStart, diagnoseCloudflare } from './diagnostics.ts';
import { checkHostname } from './hostnames.ts';
import { confirmRoute, recheckRoute } from './live-check.ts';
import { type FactStore, ObservedState } from './state/observed-state.ts';
import { Zone } from './zone.ts';

/** The window of Cloudflare's rate limit. */
const RATE_LIMIT_WINDOW_MS = 300_000;
/** How long a run of another installation is waited for. */
const LOCK_TIMEOUT_MS = 30_000;

export interface CloudflareEdgeOptions {
  instance: string;
  token: string;
  accountId: string;
  tunnelId: string;
  zoneId: string;
  baseUrl: string;
  /** Template of the hostnames; null for one level below the zone. */
  hostname: string | null;
  allowDeep: boolean;
  dns: 'student' | 'session';
  /** How long a session's record outlives its use, in ms. */
  graceMs: number;
  /** Calls in 5 minutes. */
  budget: number;
  /** `host:port` of cloudflared's metrics, null for none. */
  metrics: string | null;
  store: JournalStore & FactStore;
  clock: Clock;
  log: Log;
  callTimeoutMs: number;
  /** For tests: another way to Cloudflare, and the lock of a simulated process. */
  fetch?: typeof fetch;
  lock?: TunnelLock;
}

export class CloudflareEdge implements Edge {
  readonly kind = 'cloudflare';
  readonly hasCostlyWrites = true;
  readonly sharedOpenings: RateLimit;
  readonly #options: CloudflareEdgeOptions;
  readonly #stopping = new AbortController();
  readonly #budget: Budget;
  readonly #api: CloudflareApi;
  readonly #connectors: Connectors;
  readonly #zone: Zone;
  readonly #scheduler: RunScheduler;
  readonly #observed: ObservedState;
  readonly #runs: RunControl;
  #lost: (LostUpdate & { at: Date }) | null = null;

  constructor(options: CloudflareEdgeOptions) {
    this.#options = options;
    const { instance, tunnelId, zoneId, metrics, store, callTimeoutMs, clock, dns, graceMs } = options;
    const { signal } = this.#stopping;
    this.#scheduler = new RunScheduler(clock);
    this.#budget = new Budget({ calls: options.budget, windowMs: RATE_LIMIT_WINDOW_MS, clock });
    this.sharedOpenings = this.#budget.sharedOpenings;
    const api = new CloudflareApi({
      ...options,
      budget: this.#budget,
      signal,
      onUnknownOutcome: () => this.#scheduler.recheckAfter(callTimeoutMs),
      closing: () => this.#runs.closing,
    });
    this.#api = api;
    this.#connectors = new Connectors({ api, budget: this.#budget, metrics, clock, signal });
    this.#observed = new ObservedState({ api, store, tunnelId, clock });
    this.#zone = new Zone({ api, zoneId, store, template: options.hostname, allowDeep: options.allowDeep });
    this.#runs = new RunControl({
      api,
      budget: this.#budget,
      clock,
      journal: new Journal(store, callTimeoutMs, clock),
      lock: options.lock ?? createTunnelLock({ tunnelId, instance, timeoutMs: LOCK_TIMEOUT_MS, clock }),
      observed: this.#observed,
      scheduler: this.#scheduler,
      zone: this.#zone,
      signal,
      runOptions: {
        names: { instance, tunnelId },
        dns,
        graceMs,
        onLostUpdate: (lost) => this.#reportLost(lost),
      },
    });
  }

  onRunDue(due: () => void): void {
    this.#scheduler.onRunDue(() => {
      this.#runs.forgetApplied();
      due();
    });
  }

  async start(): Promise<void> {
    const failure = await checkAtStart(this.#zone, this.#api);
    if (failure !== null)
      this.#options.log.error(
        { reason: failure.message },
        'Cloudflare can’t be reached; devenv retries automatically',
      );
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

  begin(preview: DesiredState, options: BeginOptions): Promise<EdgeRun> {
    return this.#runs.begin(preview, options);
  }

  #reportLost(lost: LostUpdate): void {
    this.#lost = { ...lost, at: new Date(this.#options.clock.now()) };
    this.#options.log.error(
      { read: lost.read, now: lost.now },
      `another writer wrote the tunnel's configuration during a run (devenv read version ${lost.read}, Cloudflare has version ${lost.now}): changes in between may be lost, and can't be read back. Check the tunnel's public hostnames and add again what is missing`,
    );
  }

  confirm(route: Route, signal: AbortSignal) {
    return confirmRoute({
      route,
      instance: this.#options.instance,
      version: this.#observed.ruleVersion(route.hostname),
      connectors: this.#connectors,
      clock: this.#options.clock,
      signal,
    });
  }

  recheck(route: Route, signal: AbortSignal) {
    const { instance, clock } = this.#options;
    return recheckRoute({ route, instance, clock, signal });
  }

  problem(): null {
    return null;
  }

  diagnose(): Promise<Diagnostic[]> {
    const [api, connectors, budget, lost] = [this.#api, this.#connectors, this.#budget, this.#lost];
    return diagnoseCloudflare({ api, connectors, budget, lost });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#scheduler.stop();
  }
}
