/**
 * What this process knows of Cloudflare's side, from run to run: records and configuration as last read or written, the
 * rules that we have written (on disk as well), since when a version has each rule, and since when a record is idle.
 */
import type { Clock } from '../../../clock.ts';
import type { DesiredState } from '../../edge.ts';
import type { CloudflareApi, Configuration, DnsRecord, JsonObject } from '../api/client.ts';
import { hostnameRules, servicesByHostname } from '../plan/ingress-document.ts';
import { type RuleKey, ruleKey } from '../plan/ownership.ts';

/** The part of the store that is needed here. */
export interface FactStore {
  remember(key: string, value: string): void;
  recall(key: string): string | null;
}

export interface ObservedStateDeps {
  api: CloudflareApi;
  store: FactStore;
  tunnelId: string;
  clock: Clock;
}

export class ObservedState {
  readonly #deps: ObservedStateDeps;
  /** What is null has to be read. */
  #records: readonly DnsRecord[] | null = null;
  #configuration: Configuration | null = null;
  #hasReadRecords = false;
  #provenVersion: number | null = null;
  readonly #writtenRulesKey: string;
  #writtenRules: ReadonlySet<RuleKey>;
  readonly #ruleVersions = new Map<string, { origin: string; version: number }>();
  /** By hostname, in ms on the monotonic clock. */
  readonly #idleSince = new Map<string, number>();

  constructor(deps: ObservedStateDeps) {
    this.#deps = deps;
    const { store, tunnelId } = deps;
    this.#writtenRulesKey = `cloudflare.written-rules.${tunnelId}`;
    // Earlier versions used the second key: a rule must not lose its proof at the upgrade.
    const text = store.recall(this.#writtenRulesKey) ?? store.recall(`cloudflare.ways.${tunnelId}`);
    this.#writtenRules = new Set(JSON.parse(text ?? '[]') as RuleKey[]);
  }

  get records(): readonly DnsRecord[] | null {
    return this.#records;
  }

  /** Null for records of which it is not known what became of a write. */
  setRecords(records: readonly DnsRecord[] | null): void {
    this.#records = records;
  }

  get configuration(): Configuration | null {
    return this.#configuration;
  }

  /** Null for a configuration of which it is not known what became of a write. */
  setConfiguration(configuration: Configuration | null): void {
    this.#configuration = configuration;
  }

  /** A run begins: what it has read is counted from here. */
  beginRun(): void {
    this.#hasReadRecords = false;
    this.#provenVersion = null;
  }

  /** Whether this run has read the records. Before it, another writer may have changed them. */
  get hasReadRecords(): boolean {
    return this.#hasReadRecords;
  }

  /** The configuration's version that was there before the records were read: their tags prove whose its rules are. */
  get provenVersion(): number | null {
    return this.#provenVersion;
  }

  /**
   * Reads what is not known, or everything with `force`; returns the configuration. Before a record is created it must
   * be known whether another writer's rule has its hostname. Throws an `ApiFailure`, as the methods below.
   */
  async read(force: boolean): Promise<Configuration> {
    const seen = force || this.#configuration === null ? await this.readConfiguration() : this.#configuration;
    if (force || this.#records === null) {
      await this.readRecords();
      this.#provenVersion = seen.version;
    }
    return seen;
  }

  async readRecords(): Promise<void> {
    this.#records = null;
    this.#records = await this.#deps.api.records();
    this.#hasReadRecords = true;
  }

  async readConfiguration(): Promise<Configuration> {
    this.#configuration = null;
    this.#configuration = await this.#deps.api.configuration();
    return this.#configuration;
  }

  /** Whether we have written that rule. */
  has(rule: RuleKey): boolean {
    return this.#writtenRules.has(rule);
  }

  #setWrittenRules(rules: ReadonlySet<RuleKey>): void {
    if (rules.symmetricDifference(this.#writtenRules).size === 0) return;
    this.#writtenRules = rules;
    this.#deps.store.remember(this.#writtenRulesKey, JSON.stringify([...rules]));
  }

  /** The document has our rules for these open hostnames (and origins), or is about to be sent with them. */
  noteWrittenRules(config: JsonObject | null, open: ReadonlyMap<string, string>): void {
    const ours = hostnameRules(config).filter(({ hostname, service }) => open.get(hostname) === service);
    const keys = ours.map(({ hostname, service }) => ruleKey(hostname, service));
    this.#setWrittenRules(this.#writtenRules.union(new Set(keys)));
  }

  /** No write is in flight any more: rules that are not in the document are forgotten. */
  forgetMissingRules(config: JsonObject | null): void {
    const keys = hostnameRules(config).map(({ hostname, service }) => ruleKey(hostname, service));
    this.#setWrittenRules(this.#writtenRules.intersection(new Set(keys)));
  }

  /**
   * A run that was to apply this state is over, however it ended. Where the configuration is not known now, a rule that
   * was to go may be gone: if it is back later, it is so with another version.
   */
  noteRuleVersions({ routes, registered }: DesiredState): void {
    const configuration = this.#configuration;
    const kept = new Set((configuration === null ? routes : registered).map(({ hostname }) => hostname));
    for (const hostname of this.#ruleVersions.keys())
      if (!kept.has(hostname)) this.#ruleVersions.delete(hostname);
    if (configuration === null) return;
    const { version, config } = configuration;
    const services = servicesByHostname(config);
    for (const { hostname, origin } of registered) {
      if (services.get(hostname) !== origin) this.#ruleVersions.delete(hostname);
      else if (this.#ruleVersions.get(hostname)?.origin !== origin)
        this.#ruleVersions.set(hostname, { origin, version });
    }
  }

  /** The version that first had the rule of an open link: a connector with it or a newer one serves the link. */
  ruleVersion(hostname: string): number | null {
    return this.#ruleVersions.get(hostname)?.version ?? null;
  }

  /** Of the hostnames with a record of ours, `needed` are in use and the others idle from now on. */
  noteIdle(hostnames: Iterable<string>, needed: ReadonlySet<string>): void {
    const now = this.#deps.clock.monotonicMs();
    for (const hostname of hostnames) {
      if (needed.has(hostname)) this.#idleSince.delete(hostname);
      else if (!this.#idleSince.has(hostname)) this.#idleSince.set(hostname, now);
    }
  }

  /** The record was created or removed. */
  forgetIdle(hostname: string): void {
    this.#idleSince.delete(hostname);
  }

  /** For how many ms the record of a hostname is idle; null where it is in use, or does not exist. */
  idleMs(hostname: string): number | null {
    const since = this.#idleSince.get(hostname);
    return since === undefined ? null : this.#deps.clock.monotonicMs() - since;
  }

  /** In how many ms the next idle record has been so for `graceMs`; null without one. */
  msToNextGrace(graceMs: number): number | null {
    const now = this.#deps.clock.monotonicMs();
    // A record that could not be removed when its grace period was over is retried as any failure is.
    const ahead = [...this.#idleSince.values()].map((since) => since + graceMs - now).filter((ms) => ms > 0);
    return ahead.length === 0 ? null : Math.min(...ahead);
  }
}
