/** The tunnel: its configuration with its versions, and the connectors that receive them with a delay. */
import { type Random, uuid } from './seeded-random.ts';
import type { TunnelConfig } from './tunnel-config.ts';

/** One accepted configuration. */
export interface ConfigVersion {
  readonly version: number;
  /** Null if the tunnel was never configured. */
  readonly config: TunnelConfig | null;
  readonly createdAt: string;
}

/** A running `cloudflared`. It accepts a version only if that is newer than its own. */
export class Connector {
  readonly id: string;
  /** Time between the API's acceptance of a configuration and its arrival here, in ms; `Infinity` for a stuck connector. */
  delayMs: number;
  readonly runAt: string;
  /** As the real one: four connections to two data centers. */
  readonly connections: readonly { id: string; colo: string }[];
  readonly #now: () => number;
  #current: ConfigVersion;
  #inFlight: { dueAt: number; config: ConfigVersion }[] = [];

  constructor(options: { now: () => number; random: Random; delayMs: number; current: ConfigVersion }) {
    this.#now = options.now;
    this.id = uuid(options.random);
    this.delayMs = options.delayMs;
    this.#current = options.current;
    this.runAt = new Date(options.now()).toISOString();
    this.connections = ['ams01', 'ams06', 'fra03', 'fra08'].map((colo) => ({
      id: uuid(options.random),
      colo,
    }));
  }

  /** Sends a configuration, which arrives after `delayMs`. */
  push(config: ConfigVersion): void {
    this.#inFlight.push({ dueAt: this.#now() + this.delayMs, config });
  }

  /** The configuration that it uses now. */
  get current(): ConfigVersion {
    if (this.#inFlight.length === 0) return this.#current;
    const now = this.#now();
    for (const { dueAt, config } of this.#inFlight) {
      if (dueAt <= now && config.version > this.#current.version) this.#current = config;
    }
    this.#inFlight = this.#inFlight.filter(({ dueAt }) => dueAt > now);
    return this.#current;
  }
}

export class Tunnel {
  readonly id: string;
  readonly name = 'classroom';
  readonly createdAt: string;
  source: 'local' | 'cloudflare' = 'cloudflare';
  readonly connectors: Connector[] = [];
  readonly #options: { now: () => number; random: Random };
  #latest: ConfigVersion;

  constructor(options: { now: () => number; random: Random }) {
    this.#options = options;
    this.id = uuid(options.random);
    this.createdAt = new Date(options.now()).toISOString();
    this.#latest = { version: 0, config: null, createdAt: this.createdAt };
  }

  get latest(): ConfigVersion {
    return this.#latest;
  }

  get version(): number {
    return this.#latest.version;
  }

  /** The current document. Read-only: call `put` to change it. */
  get config(): TunnelConfig | null {
    return this.#latest.config;
  }

  /** The hostnames of the document's rules, in its order. */
  get hostnames(): string[] {
    return (this.config?.ingress ?? []).flatMap(({ hostname }) => hostname ?? []);
  }

  /** Accepts a valid document. The version increases even if nothing differs, as in the real API. */
  put(config: TunnelConfig): ConfigVersion {
    const createdAt = new Date(this.#options.now()).toISOString();
    this.#latest = { version: this.#latest.version + 1, config, createdAt };
    for (const connector of this.connectors) connector.push(this.#latest);
    return this.#latest;
  }

  /** Starts another `cloudflared`, which gets the current configuration immediately. */
  addConnector(delayMs: number): Connector {
    const connector = new Connector({ ...this.#options, delayMs, current: this.#latest });
    this.connectors.push(connector);
    return connector;
  }

  /** Stops the `cloudflared` with that id, or all of them. */
  removeConnectors(id?: string): void {
    const remaining = id === undefined ? [] : this.connectors.filter((connector) => connector.id !== id);
    this.connectors.splice(0, this.connectors.length, ...remaining);
  }
}
