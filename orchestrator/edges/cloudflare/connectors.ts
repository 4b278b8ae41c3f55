/**
 * Whether a connector (cloudflared) runs with a version of the tunnel's configuration: a rule that Cloudflare holds is
 * of no use before. Asked of cloudflared's own metrics where its address is set, else of the API. One question serves
 * all who wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Budget } from './api/budget.ts';
import type { CloudflareApi } from './api/client.ts';
import { failureOf } from './api/failures.ts';

/** The gauge with the version, in Prometheus' text format (cloudflared, orchestration/metrics.go). */
const GAUGE = /^cloudflared_orchestration_config_version(?:\{[^}]*\})?\s+(\d\S*)/m;

/** Pauses between questions, in ms. The metrics cost nothing; calls of the API are counted. */
const PAUSES = { metrics: { first: 50, longest: 500 }, api: { first: 200, longest: 5000 } };

/** A metrics address that has not answered by then does not, in ms. */
const METRICS_PATIENCE = 2000;

/** What the connectors said last. */
export type ConnectorState =
  | { kind: 'unasked' }
  | { kind: 'none' }
  | { kind: 'version'; newest: number }
  /** They are there, but don't say which version they run with. */
  | { kind: 'silent' }
  | { kind: 'unreachable'; why: string };

export interface ConnectorsOptions {
  api: CloudflareApi;
  budget: Budget;
  /** `host:port` of cloudflared's metrics; null to ask the API. */
  metrics: string | null;
  signal: AbortSignal;
}

export class Connectors {
  readonly #options: ConnectorsOptions;
  readonly #waiting = new Set<{ version: number; resolve: () => void }>();
  #state: ConnectorState = { kind: 'unasked' };
  #asking: Promise<void> | null = null;
  /** Ends the pause between two questions. */
  #hurry = new AbortController();

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
      // Likely for a version that was published just now: asked at once.
      this.#hurry.abort();
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = null;
      });
    });
  }

  #has(version: number): boolean {
    return this.#state.kind === 'version' && this.#state.newest >= version;
  }

  /** Asks until nobody waits any more. */
  async #ask(): Promise<void> {
    const { first, longest } = PAUSES[this.#options.metrics === null ? 'api' : 'metrics'];
    for (let pause = first; this.#waiting.size > 0 && !this.#options.signal.aborted; ) {
      this.#hurry = new AbortController();
      await this.look();
      for (const waiter of this.#waiting) if (this.#has(waiter.version)) waiter.resolve();
      if (this.#waiting.size === 0) return;
      const signal = AbortSignal.any([this.#options.signal, this.#hurry.signal]);
      await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
      pause = this.#hurry.signal.aborted ? first : Math.min(pause * 2, longest);
    }
  }

  /** Asks once. */
  async look(): Promise<ConnectorState> {
    try {
      this.#state = await (this.#options.metrics === null ? this.#lookByApi() : this.#lookByMetrics());
    } catch (error) {
      this.#state = { kind: 'unreachable', why: failureOf(error).message };
    }
    return this.#state;
  }

  async #lookByApi(): Promise<ConnectorState> {
    if (!this.#options.budget.isAmple) return this.#state;
    const versions = await this.#options.api.connectors();
    if (versions.length === 0) return { kind: 'none' };
    const known = versions.filter((version) => version !== null);
    return known.length === 0 ? { kind: 'silent' } : { kind: 'version', newest: Math.max(...known) };
  }

  async #lookByMetrics(): Promise<ConnectorState> {
    const patience = AbortSignal.any([this.#options.signal, AbortSignal.timeout(METRICS_PATIENCE)]);
    const answer = await fetch(`http://${this.#options.metrics}/metrics`, { signal: patience }).catch(
      () => null,
    );
    if (answer === null || !answer.ok)
      return { kind: 'unreachable', why: `no metrics at ${this.#options.metrics}` };
    const found = (await answer.text()).match(GAUGE);
    return found ? { kind: 'version', newest: Number(found[1]) } : { kind: 'silent' };
  }
}
