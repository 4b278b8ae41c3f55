/**
 * Whether a connector (cloudflared) runs with a version of the tunnel's configuration: before, the version's rules
 * serve no visitor. Read from cloudflared's own metrics where their address is set, else from the API. One poll serves
 * every caller that waits.
 */
import type { Clock } from '../../clock.ts';
import type { Budget } from './api/budget.ts';
import type { CloudflareApi } from './api/client.ts';
import { failureOf } from './api/failures.ts';

/** The gauge with the version, in Prometheus' text format (cloudflared, orchestration/metrics.go). */
const GAUGE = /^cloudflared_orchestration_config_version(?:\{[^}]*\})?\s+(\d\S*)/m;

/** Pauses between polls. The metrics cost nothing; calls of the API are counted. */
const POLL_PAUSES = { metrics: { firstMs: 50, maxMs: 500 }, api: { firstMs: 200, maxMs: 5000 } };

const METRICS_TIMEOUT_MS = 2000;

/** What the connectors reported last. */
export type ConnectorState =
  | { kind: 'not-polled' }
  | { kind: 'none' }
  | { kind: 'version'; newest: number }
  /** Connected, but without a version in their report. */
  | { kind: 'no-version' }
  | { kind: 'unreachable'; reason: string };

export interface ConnectorsOptions {
  api: CloudflareApi;
  budget: Budget;
  clock: Clock;
  /** `host:port` of cloudflared's metrics; null to ask the API. */
  metrics: string | null;
  signal: AbortSignal;
}

export class Connectors {
  readonly #options: ConnectorsOptions;
  readonly #waiting = new Set<{ version: number; resolve: () => void }>();
  #state: ConnectorState = { kind: 'not-polled' };
  #polling: Promise<void> | null = null;
  /** Ends the pause between two polls. */
  #pollNow = new AbortController();

  constructor(options: ConnectorsOptions) {
    this.#options = options;
  }

  get state(): ConnectorState {
    return this.#state;
  }

  /** Resolves to true when a connector runs with `version` or a newer one, to false when `signal` aborts before. */
  async reached(version: number, signal: AbortSignal): Promise<boolean> {
    if (this.#has(version)) return true;
    if (signal.aborted) return false;
    return new Promise((resolve) => {
      const waiter = { version, resolve: () => done(true) };
      const done = (is: boolean) => {
        this.#waiting.delete(waiter);
        resolve(is);
      };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', () => done(false), { once: true });
      // Likely for a version that was written just now.
      this.#pollNow.abort();
      this.#polling ??= this.#pollWhileAwaited().finally(() => {
        this.#polling = null;
      });
    });
  }

  #has(version: number): boolean {
    return this.#state.kind === 'version' && this.#state.newest >= version;
  }

  async #pollWhileAwaited(): Promise<void> {
    const { firstMs, maxMs } = POLL_PAUSES[this.#options.metrics === null ? 'api' : 'metrics'];
    for (let pauseMs = firstMs; this.#waiting.size > 0 && !this.#options.signal.aborted; ) {
      this.#pollNow = new AbortController();
      await this.poll();
      for (const waiter of this.#waiting) if (this.#has(waiter.version)) waiter.resolve();
      if (this.#waiting.size === 0) return;
      const signal = AbortSignal.any([this.#options.signal, this.#pollNow.signal]);
      await this.#options.clock.sleep(pauseMs, signal);
      pauseMs = this.#pollNow.signal.aborted ? firstMs : Math.min(pauseMs * 2, maxMs);
    }
  }

  /** Polls once. */
  async poll(): Promise<ConnectorState> {
    try {
      this.#state = await (this.#options.metrics === null ? this.#pollApi() : this.#pollMetrics());
    } catch (error) {
      this.#state = { kind: 'unreachable', reason: failureOf(error).message };
    }
    return this.#state;
  }

  async #pollApi(): Promise<ConnectorState> {
    if (!this.#options.budget.isAmple) return this.#state;
    const versions = await this.#options.api.connectors();
    if (versions.length === 0) return { kind: 'none' };
    const known = versions.filter((version) => version !== null);
    return known.length === 0 ? { kind: 'no-version' } : { kind: 'version', newest: Math.max(...known) };
  }

  async #pollMetrics(): Promise<ConnectorState> {
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(METRICS_TIMEOUT_MS)]);
    const answer = await fetch(`http://${this.#options.metrics}/metrics`, { signal }).catch(() => null);
    if (answer === null || !answer.ok)
      return { kind: 'unreachable', reason: `no metrics at ${this.#options.metrics}` };
    const found = (await answer.text()).match(GAUGE);
    return found ? { kind: 'version', newest: Number(found[1]) } : { kind: 'no-version' };
  }
}
