/** The tunnel: its configuration and versions, and the connectors that catch up with them. */
import { type Random, uuid } from './seeded-random.ts';
import type { TunnelConfig } from './tunnel-config.ts';

/** One accepted configuration. */
export interface ConfigVersion {
  readonly version: number;
  /** Null on a tunnel that nobody has configured. */
  readonly config: TunnelConfig | null;
  readonly createdAt: string;
}

/** A running `cloudflared`. It takes a version only if that is newer than its own. */
export class Connector {
  readonly id: string;
  /** From a configuration's acceptance until this connector has it, in ms; `Infinity` for one that is stuck. */
  delayMs: number;
  readonly runAt: string;
  /** Four connections, to two data centers. */
  readonly connections: readonly { id: string; colo: string }[];
  readonly #now: () => number;
  #current: ConfigVersion;
  #onTheWay: { dueAt: number; config: ConfigVersion }[] = [];

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

  push(config: ConfigVersion): void {
    this.#onTheWay.push({ dueAt: this.#now() + this.delayMs, config });
  }

  /** What it runs with now. */
  get current(): ConfigVersion {
    if (this.#onTheWay.length === 0) return this.#current;
    const now = this.#now();
    for (const { dueAt, config } of this.#onTheWay) {
      if (dueAt <= now && config.version > this.#current.version) this.#current = config;
    }
    this.#onTheWay = this.#onTheWay.filter(({ dueAt }) => dueAt > now);
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

  /** The document as it stands. Never change it: `put` a new one. */
  get config(): TunnelConfig | null {
    return this.#latest.config;
  }

  /** Those of the rules in that document, in its order. */
  get hostnames(): string[] {
    return (this.config?.ingress ?? []).flatMap(({ hostname }) => hostname ?? []);
  }

  /** Accepts a checked document; the version rises even where nothing differs. */
  put(config: TunnelConfig): ConfigVersion {
    const createdAt = new Date(this.#options.now()).toISOString();
    this.#latest = { version: this.#latest.version + 1, config, createdAt };
    for (const connector of this.connectors) connector.push(this.#latest);
    return this.#latest;
  }

  /** Starts one more `cloudflared`, which gets the configuration when it registers. */
  addConnector(delayMs: number): Connector {
    const connector = new Connector({ ...this.#options, delayMs, current: this.#latest });
    this.connectors.push(connector);
    return connector;
  }

  /** Ends that `cloudflared`, or all. */
  removeConnectors(id?: string): void {
    const left = id === undefined ? [] : this.connectors.filter((connector) => connector.id !== id);
    this.connectors.splice(0, this.connectors.length, ...left);
  }
}
