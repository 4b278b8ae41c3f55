/**
 * One run under the lock. Opening: the tagged record first, then the rule; closing: the rule first, the record last.
 * So a tagged record covers every rule of ours at every moment, and a run that is interrupted anywhere leaves nothing
 * that the tags don't explain.
 */
import type { BeginOptions, DesiredState, DetectedDrift, Outcome } from '../../edge.ts';
import type { Configuration } from '../api/client.ts';
import { ApiFailure } from '../api/failures.ts';
import { driftOf } from '../plan/drift.ts';
import { provenHostnames } from '../plan/ownership.ts';
import type { Plan } from '../plan/plan.ts';
import type { InterruptedRun } from './journal.ts';
import { type RunDeps, RunSteps } from './steps.ts';
import { lostUpdate } from './write-ingress.ts';

/** How often a run reads everything, while another writer keeps changing it. */
const MAX_ROUNDS = 4;

export interface RunBegin {
  mode: BeginOptions['mode'];
  /** Everything has to be read, known or not. */
  mustRead: boolean;
}

export interface RunResult {
  outcomes: readonly Outcome[];
  drift: readonly DetectedDrift[];
  /** The zone had no room for a record, and has now. */
  hasMadeRoom: boolean;
}

export class CloudflareRun {
  readonly #deps: RunDeps;
  readonly #steps: RunSteps;
  #rounds = 0;
  /** Everything was read in this run, so that drift is reported. */
  #hasForcedRead = false;
  /** The configuration as it was last read, or known. */
  #seen: Configuration = { version: 0, config: null };
  /** The configuration that was read to be written next; null where records may come before. */
  #current: Configuration | null = null;

  constructor(deps: RunDeps) {
    this.#deps = deps;
    this.#steps = new RunSteps(deps);
  }

  /**
   * Reads what the run will need. Only a configuration that is written next is worth reading before the snapshot is
   * known: where records are written first it has to be read after them. Throws an `ApiFailure`.
   */
  async begin(preview: DesiredState, { mode, mustRead }: RunBegin): Promise<void> {
    const { journal, interrupted, observed, dns } = this.#deps;
    journal.note(interrupted ?? {});
    observed.beginRun();
    this.#hasForcedRead = mustRead;
    this.#seen = await observed.read(mustRead || interrupted !== null);
    if (interrupted !== null) this.#recover(interrupted, this.#seen);
    let plan = this.#steps.planFor(preview, this.#seen);
    if (this.#restsOnStaleTags(plan, this.#seen)) {
      await this.#readAgain();
      plan = this.#steps.planFor(preview, this.#seen);
    }
    if (mode === 'publish' && dns === 'student' && plan.recordChanges.length === 0)
      this.#current = await observed.readConfiguration();
  }

  /** Judges what an interrupted run has left, by what it had found and written. */
  #recover(interrupted: InterruptedRun, seen: Configuration): void {
    const { observed, journal, onLostUpdate } = this.#deps;
    for (const hostname of provenHostnames(interrupted, seen.config, observed))
      this.#steps.newlyCreated.delete(hostname);
    const { builtOn } = interrupted;
    // No other process can report it: the run may have overwritten what another writer wrote after its last read.
    const lost = builtOn === null ? null : lostUpdate(builtOn, seen.version);
    if (lost !== null) onLostUpdate(lost);
    journal.note({ builtOn: null });
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
    const steps = this.#steps;
    let plan = steps.planFor(snapshot, this.#seen);
    if (this.#restsOnStaleTags(plan, this.#seen)) return null;
    const drift = this.#hasForcedRead ? this.#drift(plan) : [];
    let current = this.#current;
    let hasWritten = false;
    if (current === null) {
      hasWritten = await steps.changeRecords(plan);
      current = await steps.readConfigurationOrUndo(plan);
    }
    if (!hasWritten) {
      plan = steps.planFor(snapshot, current);
      if (this.#restsOnStaleTags(plan, current)) return null;
      hasWritten = await steps.changeRecords(plan);
      if (hasWritten) current = await steps.readConfigurationOrUndo(plan);
    }
    const rulePlan = hasWritten ? steps.planFor(snapshot, current) : plan;
    if (this.#changesRulesByStaleTag(rulePlan, current)) return null;
    steps.reportConflicts(plan, (hostname) => rulePlan.routeOf(hostname));
    current = await steps.writeRules(rulePlan, current);
    await steps.removeRecords(snapshot, current);
    steps.end(current);
    return { outcomes: steps.outcomes.all(), drift, hasMadeRoom: steps.hasMadeRoom };
  }

  /** A dry run: what differs. The journal keeps what an interrupted run has left. */
  diff(snapshot: DesiredState): readonly DetectedDrift[] {
    if (this.#deps.interrupted === null) this.#deps.journal.end();
    return this.#drift(this.#steps.planFor(snapshot, this.#seen));
  }

  #drift(plan: Plan): DetectedDrift[] {
    return driftOf(plan, plan.removals(this.#steps.removalReasons(plan)));
  }

  /**
   * Whether something would be changed or removed because of a tag that was read before what it is to prove. Since
   * then another writer may have taken the record, and the hostname with it.
   */
  #restsOnStaleTags(plan: Plan, configuration: Configuration): boolean {
    const { hasReadRecords } = this.#deps.observed;
    const changesRecords = !hasReadRecords && plan.recordChanges.some(({ kind }) => kind !== 'create');
    return changesRecords || this.#changesRulesByStaleTag(plan, configuration);
  }

  #changesRulesByStaleTag({ ruleChanges }: Plan, { version }: Configuration): boolean {
    const isProven = version === this.#deps.observed.provenVersion;
    return !isProven && ruleChanges.some(({ isOwnedByTagOnly }) => isOwnedByTagOnly);
  }

  /** Reads everything. Another writer that keeps changing it is met by the next run. */
  async #readAgain(): Promise<void> {
    if (++this.#rounds >= MAX_ROUNDS) throw new ApiFailure('unknown', 'another writer keeps changing it');
    this.#hasForcedRead = true;
    this.#current = null;
    this.#seen = await this.#deps.observed.read(true);
  }
}
