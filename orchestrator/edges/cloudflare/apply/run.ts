/**
 * One run under the lock. Opening: the marked record first, then the rule; closing: the rule first, the record last.
 * So every rule of ours is covered by a marked record at every moment, and a run that is cut off anywhere leaves
 * nothing that the marks don't explain.
 */
import type { BeginOptions, DesiredState, DetectedDrift, Outcome, RouteReference } from '../../edge.ts';
import type { CloudflareApi, Configuration } from '../api/client.ts';
import { ApiFailure, failureOf } from '../api/failures.ts';
import { hostnamesOf, mergeIngress } from '../plan/ingress.ts';
import {
  differencesOf,
  type PictureOptions,
  type Plan,
  planOf,
  routeFinder,
  type Snapshot,
  wantedIngress,
} from '../plan/plan.ts';
import { removalsOf } from '../plan/record-removals.ts';
import { ownRecord, ownRecords, type RecordChange } from '../plan/records.ts';
import { type ObservedState, Reading } from '../state/observed-state.ts';
import type { InterruptedRun, Journal } from './journal.ts';
import { explain, Outcomes, recordConflict } from './outcomes.ts';
import { RuleStep } from './rule-step.ts';
import { lossBy, provenBy } from './unfinished.ts';
import type { LostUpdate } from './write-ingress.ts';
import { RecordWriter } from './write-records.ts';

export interface RunOptions extends PictureOptions {
  api: CloudflareApi;
  /** How long a session's record outlives its use, in ms. */
  graceMs: number;
  journal: Journal;
  known: ObservedState;
  /** What a run that was cut off has left; null for nothing. */
  interrupted: InterruptedRun | null;
  onLostUpdate(lost: LostUpdate): void;
}

export interface RunBegin {
  mode: BeginOptions['mode'];
  /** Everything has to be read, known or not. */
  mustRead: boolean;
}

/** How often a run begins anew, at the most. */
const ROUNDS = 4;

export interface RunResult {
  outcomes: readonly Outcome[];
  drift: readonly DetectedDrift[];
  /** The zone had no room for somebody, and has now. */
  hasMadeRoom: boolean;
}

export class CloudflareRun {
  readonly #options: RunOptions;
  readonly #outcomes = new Outcomes();
  readonly #reading: Reading;
  /** Hostnames whose records were not there before this run, or before one that was cut off. */
  readonly #fresh: Set<string>;
  /** Those of this run: no rule of ours can stand on them yet, as it may on those of one that was cut off. */
  readonly #made = new Set<string>();
  readonly #rules: RuleStep;
  #wasFull = false;
  /** A record that stood before this run is gone. */
  #hasFreed = false;
  #rounds = 0;
  /** Everything was read in this run, and what differs is reported. */
  #hasForcedRead = false;
  /** The configuration as it was last read, or known. */
  #seen: Configuration = { version: 0, config: null };
  /** The configuration that was read to be written next; null where records may come before. */
  #current: Configuration | null = null;
  #moment: Snapshot = {
    wanted: { routes: [], registered: [] },
    records: [],
    fresh: new Set(),
    ways: new Set(),
  };

  constructor(options: RunOptions) {
    this.#options = options;
    this.#reading = new Reading(options.api, options.known);
    this.#fresh = new Set(options.interrupted?.making);
    this.#rules = new RuleStep({
      ...options,
      outcomes: this.#outcomes,
      routeOf: (hostname) => this.#routeOf(hostname),
    });
  }

  /**
   * Reads what the run will need. Only a configuration that is written next is worth reading before the snapshot is
   * known: where records are written first it has to be read after them. Throws an `ApiFailure`.
   */
  async begin(preview: DesiredState, { mode, mustRead }: RunBegin): Promise<void> {
    const { journal, interrupted, dns } = this.#options;
    journal.note(interrupted ?? {});
    this.#hasForcedRead = mustRead;
    const seen = await this.#reading.read(mustRead || interrupted !== null);
    this.#seen = seen;
    if (interrupted !== null) this.#takeOver(interrupted, seen);
    let plan = this.#planFor(preview, seen);
    if (this.#restsOnMemory(plan, seen)) {
      await this.#readAgain();
      plan = this.#planFor(preview, this.#seen);
    }
    if (mode === 'publish' && dns === 'student' && plan.changes.length === 0)
      this.#current = await this.#reading.configuration();
  }

  /**
   * Makes all agree with the snapshot. Throws an `ApiFailure` where something can't be read, or this process ends: the
   * owner tags explain what was written by then.
   */
  async apply(snapshot: DesiredState): Promise<RunResult> {
    for (;;) {
      const result = await this.#attempt(snapshot);
      if (result !== null) return result;
      await this.#readAgain();
    }
  }

  /** Resolves to null where everything has to be read again first. */
  async #attempt(snapshot: DesiredState): Promise<RunResult | null> {
    let current = this.#current;
    let plan = this.#planFor(snapshot, this.#seen);
    if (this.#restsOnMemory(plan, this.#seen)) return null;
    const drift = this.#hasForcedRead ? this.#drift(this.#seen) : [];
    let hasWritten = false;
    if (current === null) {
      hasWritten = await this.#makeRecords(plan);
      current = await this.#configurationOrUndo();
    }
    if (!hasWritten) {
      plan = this.#planFor(snapshot, current);
      if (this.#restsOnMemory(plan, current)) return null;
      hasWritten = await this.#makeRecords(plan);
      if (hasWritten) current = await this.#configurationOrUndo();
    }
    if (this.#restsOnMemory(plan, current)) return null;
    this.#tell(plan);
    current = await this.#rules.write(current, wantedIngress(this.#now(), this.#options));
    await this.#removeRecords(current);
    this.#options.journal.end();
    this.#options.known.ways.forgetAllBut(current.config);
    const suspects = this.#suspects();
    if (suspects.length > 0) this.#noteMaking(suspects);
    return { outcomes: this.#outcomes.all(), drift, hasMadeRoom: this.#wasFull && this.#hasFreed };
  }

  /** A dry run: what differs. The journal still tells of an interrupted run. Throws an `ApiFailure`. */
  async diff(snapshot: DesiredState): Promise<readonly DetectedDrift[]> {
    this.#planFor(snapshot, this.#seen);
    if (this.#options.interrupted === null) this.#options.journal.end();
    return this.#drift(this.#seen);
  }

  /**
   * Whether something would be changed or taken away for a mark that was read before what it is to prove: since then
   * somebody may have taken the record, and the name with it.
   */
  #restsOnMemory({ changes }: Plan, { config, version }: Configuration): boolean {
    if (!this.#reading.hasRecords && changes.some(({ kind }) => kind !== 'create')) return true;
    const rules = mergeIngress(config, wantedIngress(this.#now(), this.#options)).changes;
    return version !== this.#reading.provenVersion && rules.some(({ byMark }) => byMark);
  }

  /** Reads everything. Another writer that goes on changing it is met by the next run. */
  async #readAgain(): Promise<void> {
    if (++this.#rounds >= ROUNDS) throw new ApiFailure('unknown', 'somebody else keeps changing it');
    this.#hasForcedRead = true;
    this.#current = null;
    this.#seen = await this.#reading.read(true);
  }

  /** What a cut-off run has left is judged by what it found and wrote. */
  #takeOver(interrupted: InterruptedRun, seen: Configuration): void {
    const { known, journal, onLostUpdate } = this.#options;
    for (const hostname of provenBy(interrupted, seen, known.ways)) this.#fresh.delete(hostname);
    const lost = lossBy(interrupted, seen);
    if (lost !== null) onLostUpdate(lost);
    journal.note({ read: null });
  }

  #noteMaking(making: readonly string[]): void {
    const { journal, known } = this.#options;
    const ruled = hostnamesOf(known.configuration?.config ?? null, known.ways);
    journal.note({ making, standing: making.filter((hostname) => ruled.has(hostname)) });
  }

  /** Records of ours that could not be undone, whose names somebody else's rule has: for the next run as for this one. */
  #suspects(): string[] {
    const { names } = this.#options;
    return [...this.#rules.clashed].filter(
      (hostname) =>
        this.#fresh.has(hostname) && ownRecord(this.#now().records, hostname, names.instance) !== undefined,
    );
  }

  /** The document right before rules are written. Where we may not read it, records that are of no use without a rule go again. */
  async #configurationOrUndo(): Promise<Configuration> {
    try {
      return await this.#reading.configuration();
    } catch (error) {
      const { names, dns } = this.#options;
      const isRefused = explain(failureOf(error), 'the tunnel’s rules').kind === 'refused';
      const made = ownRecords(this.#now().records, names.instance)
        .filter(({ record }) => this.#made.has(record.name))
        .map(({ record }) => ({ kind: 'remove', route: this.#routeOf(record.name), record }) as const);
      if (isRefused && dns === 'session' && made.length > 0) await this.#writeRecords(made);
      throw error;
    }
  }

  #planFor(wanted: DesiredState, { config }: Configuration): Plan {
    this.#moment = { ...this.#moment, wanted };
    return planOf(this.#now(), this.#options, config);
  }

  /** The moment with the records as they are known now. */
  #now(): Snapshot {
    const { records, ways } = this.#options.known;
    return { ...this.#moment, records: records ?? [], fresh: this.#fresh, ways };
  }

  #routeOf(hostname: string): RouteReference {
    return routeFinder(this.#now(), this.#options)(hostname);
  }

  #tell({ conflicts, ruleClashes }: Plan): void {
    for (const { route, records } of conflicts)
      this.#outcomes.conflict(route, recordConflict(route, records));
    for (const clash of ruleClashes) this.#rules.tellClash(clash);
  }

  /** Whether anything was sent. */
  async #makeRecords({ changes }: Plan): Promise<boolean> {
    if (changes.length === 0) return false;
    const { known } = this.#options;
    const making = changes.filter(({ kind }) => kind === 'create').map(({ route }) => route.hostname);
    this.#noteMaking([...this.#fresh, ...making]);
    for (const hostname of await this.#writeRecords(changes)) {
      this.#fresh.add(hostname);
      this.#made.add(hostname);
      known.idleSince.delete(hostname);
    }
    return true;
  }

  /** Resolves to the hostnames that got their record. */
  async #writeRecords(changes: readonly RecordChange[]): Promise<ReadonlySet<string>> {
    const { api, names, known } = this.#options;
    const writer = new RecordWriter({ api, names, outcomes: this.#outcomes, records: known.records ?? [] });
    // Unknown until all is done: a failure on the way must not leave us with an old picture.
    known.records = null;
    await writer.write(changes);
    known.records = writer.records;
    if (writer.wasFull) this.#wasFull = true;
    return writer.made;
  }

  #removals(): RecordChange[] {
    return removalsOf(this.#now(), this.#options, {
      idleSince: this.#options.known.idleSince,
      routeOf: routeFinder(this.#now(), this.#options),
      isRefused: (route) => this.#outcomes.isRefused(route),
      isClashing: (hostname) => this.#rules.clashed.has(hostname),
    });
  }

  /** Never while a rule of ours stands on it. */
  async #removeRecords({ config }: Configuration): Promise<void> {
    const { known, names } = this.#options;
    const ours = mergeIngress(config, { ...wantedIngress(this.#now(), this.#options), open: new Map() });
    const ruled = new Set(ours.changes.map(({ hostname }) => hostname));
    const due = () => this.#removals().filter(({ route }) => !ruled.has(route.hostname));
    if (due().length === 0) return;
    // What became of the document is known by now.
    this.#options.journal.note({ read: null });
    // Only what is marked as ours at this moment.
    if (!this.#reading.hasRecords) await this.#reading.records();
    const removals = due();
    if (removals.length === 0) return;
    await this.#writeRecords(removals);
    for (const { route } of removals) {
      const { hostname } = route;
      if (ownRecord(this.#now().records, hostname, names.instance)) continue;
      known.idleSince.delete(hostname);
      // Of its own ones it would have none to spare the next time either.
      if (!this.#made.has(hostname)) this.#hasFreed = true;
    }
  }

  #drift({ config }: Configuration): DetectedDrift[] {
    return differencesOf(this.#now(), this.#options, config, this.#removals());
  }
}
