/** The steps of a run that write, with what the run has learned by them: failures, new records, conflicts, freed room. */
import type { Clock } from '../../../clock.ts';
import type { DesiredState, RouteReference } from '../../edge.ts';
import type { CloudflareApi, Configuration } from '../api/client.ts';
import { failureOf } from '../api/failures.ts';
import type { HostnameRule } from '../plan/ingress-document.ts';
import { hasOwnedRecord, hostnamesOfWrittenRules, ownedRecords } from '../plan/ownership.ts';
import { Plan, type PlanOptions } from '../plan/plan.ts';
import { type RecordChange, type RemovalReasons, routesWithRecord } from '../plan/records.ts';
import type { ObservedState } from '../state/observed-state.ts';
import type { InterruptedRun, Journal } from './journal.ts';
import { explain, Outcomes, recordConflict, ruleConflict } from './outcomes.ts';
import { IngressWriter, type LostUpdate } from './write-ingress.ts';
import { RecordWriter } from './write-records.ts';

export interface RunDeps extends PlanOptions {
  api: CloudflareApi;
  clock: Clock;
  /** How long a session's record outlives its use, in ms. */
  graceMs: number;
  journal: Journal;
  observed: ObservedState;
  /** What an interrupted run has left; null for nothing. */
  interrupted: InterruptedRun | null;
  onLostUpdate(lost: LostUpdate): void;
}

export class RunSteps {
  readonly #deps: RunDeps;
  readonly outcomes: Outcomes;
  /** Hostnames whose records did not exist before this run, or before one that was interrupted. */
  readonly newlyCreated: Set<string>;
  /** Records created in this run. Unlike records recovered from the journal, none can have an ingress rule yet. */
  readonly #createdHere = new Set<string>();
  /** Hostnames that turned out to have another writer's rule. */
  readonly #conflicting = new Set<string>();
  #wasFull = false;
  #hasFreedRoom = false;

  constructor(deps: RunDeps) {
    this.#deps = deps;
    this.outcomes = new Outcomes(deps.clock);
    this.newlyCreated = new Set(deps.interrupted?.creating);
  }

  /** The zone had no room for a record, and has now. */
  get hasMadeRoom(): boolean {
    return this.#wasFull && this.#hasFreedRoom;
  }

  /** What has to be done as things are known now. */
  planFor(desired: DesiredState, { config }: Configuration): Plan {
    const { observed } = this.#deps;
    const { newlyCreated } = this;
    const records = observed.records ?? [];
    return new Plan(desired, { records, config, writtenRules: observed, newlyCreated }, this.#deps);
  }

  /** Why records are removed. Records that no link needs become idle by this. */
  removalReasons({ desired, observed }: Plan): RemovalReasons {
    const { observed: state, names, dns, graceMs } = this.#deps;
    const owned = ownedRecords(observed.records, names.instance).map(({ record }) => record.name);
    state.noteIdle(owned, new Set(routesWithRecord(desired, dns).map(({ hostname }) => hostname)));
    const hasFailed = (route: RouteReference) =>
      (dns === 'session' && this.outcomes.isRefused(route)) || this.#conflicting.has(route.hostname);
    return {
      isGraceOver: (hostname) => dns === 'session' && (state.idleMs(hostname) ?? -1) >= graceMs,
      isUndone: (route) => this.newlyCreated.has(route.hostname) && hasFailed(route),
    };
  }

  /** Creates and repairs records; resolves to whether anything was sent. */
  async changeRecords({ recordChanges }: Plan): Promise<boolean> {
    if (recordChanges.length === 0) return false;
    const creating = recordChanges.filter(({ kind }) => kind === 'create').map(({ route }) => route.hostname);
    this.#journalCreating([...this.newlyCreated, ...creating]);
    for (const hostname of await this.#writeRecords(recordChanges)) {
      this.newlyCreated.add(hostname);
      this.#createdHere.add(hostname);
      this.#deps.observed.forgetIdle(hostname);
    }
    return true;
  }

  #journalCreating(creating: readonly string[]): void {
    const { journal, observed } = this.#deps;
    const ruled = hostnamesOfWrittenRules(observed.configuration?.config ?? null, observed);
    journal.note({ creating, ruled: creating.filter((hostname) => ruled.has(hostname)) });
  }

  /** Resolves to the hostnames that got their record. */
  async #writeRecords(changes: readonly RecordChange[]): Promise<ReadonlySet<string>> {
    const { api, names, observed } = this.#deps;
    const writer = new RecordWriter({ api, names, outcomes: this.outcomes, records: observed.records ?? [] });
    // Unknown until all is done: a failure on the way must not leave an outdated state.
    observed.setRecords(null);
    await writer.write(changes);
    observed.setRecords(writer.records);
    if (writer.wasFull) this.#wasFull = true;
    return writer.created;
  }

  /** Reads the configuration to be written. Where that is forbidden, new records, useless without a rule, are removed. */
  async readConfigurationOrUndo(plan: Plan): Promise<Configuration> {
    const { observed, names, dns, clock } = this.#deps;
    try {
      return await observed.readConfiguration();
    } catch (error) {
      const isRefused = explain(failureOf(error), 'the tunnel’s rules', clock).kind === 'refused';
      const created = ownedRecords(observed.records ?? [], names.instance)
        .filter(({ record }) => this.#createdHere.has(record.name))
        .map(({ record }) => ({ kind: 'remove', route: plan.routeOf(record.name), record }) as const);
      if (isRefused && dns === 'session' && created.length > 0) await this.#writeRecords(created);
      throw error;
    }
  }

  reportConflicts({ recordConflicts, ruleConflicts }: Plan, routeOf: Plan['routeOf']): void {
    for (const { route, records } of recordConflicts)
      this.outcomes.conflict(route, recordConflict(route, records));
    for (const rule of ruleConflicts) this.#reportRule(rule, routeOf);
  }

  #reportRule({ hostname, service }: HostnameRule, routeOf: Plan['routeOf']): void {
    const route = routeOf(hostname);
    this.#conflicting.add(hostname);
    this.outcomes.conflict(route, ruleConflict(route, service));
  }

  /** Writes the rules; resolves to the configuration as it is then. Throws an `ApiFailure` where it can't be read. */
  async writeRules(plan: Plan, current: Configuration): Promise<Configuration> {
    const { api, journal, observed, onLostUpdate } = this.#deps;
    const routeOf: Plan['routeOf'] = (hostname) => plan.routeOf(hostname);
    // Another writer's rule is not ours because it forwards to the same origin.
    const ours = () =>
      new Map([...plan.ingress.open].filter(([hostname]) => !this.#conflicting.has(hostname)));
    const writer = new IngressWriter({
      api,
      current,
      onWrite: (builtOn, config) => {
        // Both are on disk before the document is sent, so that the next process knows as much: a full disk keeps the
        // first in memory, and makes the second throw.
        observed.noteWrittenRules(config, ours());
        journal.note({ builtOn });
      },
      onLostUpdate,
      onConflict: (rule) => this.#reportRule(rule, routeOf),
      onFailure: (hostname, failure) => this.outcomes.fail(routeOf(hostname), failure, 'the tunnel’s rules'),
    });
    observed.setConfiguration(null);
    await writer.write(plan.ingress);
    observed.setConfiguration(writer.current);
    observed.noteWrittenRules(writer.current.config, ours());
    return writer.current;
  }

  /** Removes records that no link needs, never while a rule of ours needs them. */
  async removeRecords(desired: DesiredState, current: Configuration): Promise<void> {
    const { observed, journal, names } = this.#deps;
    const ruled = this.planFor(desired, current).ruledHostnames;
    const due = () => {
      const plan = this.planFor(desired, current);
      return plan.removals(this.removalReasons(plan)).filter(({ route }) => !ruled.has(route.hostname));
    };
    if (due().length === 0) return;
    // What became of the configuration is known by now.
    journal.note({ builtOn: null });
    // Only records whose tag is ours at this moment are removed.
    if (!observed.hasReadRecords) await observed.readRecords();
    const removals = due();
    if (removals.length === 0) return;
    await this.#writeRecords(removals);
    for (const { hostname } of removals.map(({ route }) => route)) {
      if (hasOwnedRecord(observed.records ?? [], hostname, names.instance)) continue;
      observed.forgetIdle(hostname);
      // Deleting a record created in this run frees no quota.
      if (!this.#createdHere.has(hostname)) this.#hasFreedRoom = true;
    }
  }

  /** All is done: the journal keeps only records that could not be undone though another writer's rule has their name. */
  end({ config }: Configuration): void {
    const { journal, observed, names } = this.#deps;
    journal.end();
    observed.forgetMissingRules(config);
    const suspects = [...this.#conflicting].filter(
      (hostname) =>
        this.newlyCreated.has(hostname) && hasOwnedRecord(observed.records ?? [], hostname, names.instance),
    );
    if (suspects.length > 0) this.#journalCreating(suspects);
  }
}
