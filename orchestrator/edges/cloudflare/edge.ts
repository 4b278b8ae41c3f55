/**
 * The cloudflare edge: wanted routes become ingress rules of a tunnel and proxied CNAMEs that lead to it. The order
 * and the promises are in `transaction.ts`; this file decides when a run is due, under which lock, and what is told.
 */
import type { Diagnostic } from '../../domain.ts';
import { DevenvError } from '../../errors.ts';
import type { Edge, Outcome, Publication, Reconciliation, Route } from '../edge.ts';
import { Budget, CALLS_OF_A_RUN } from './api/budget.ts';
import { CloudflareApi } from './api/client.ts';
import { ApiFailure } from './api/failures.ts';
import { type InterruptedRun, Journal } from './apply/journal.ts';
import { type explain, explainWhole, withStanding } from './apply/outcomes.ts';
import { Transaction } from './apply/run.ts';
import { RunScheduler } from './apply/run-scheduler.ts';
import { createTunnelLock, TunnelBusy, type TunnelLock } from './apply/tunnel-lock.ts';
import type { LostUpdate } from './apply/write-ingress.ts';
import { Connectors } from './connectors.ts';
import { examineCloudflare } from './diagnostics.ts';
import { checkHostname } from './hostnames.ts';
import { confirmRoute } from './live-check.ts';
import type { CloudflareEdgeOptions } from './options.ts';
import { wishOf } from './plan/plan.ts';
import { msToNextGrace } from './plan/record-removals.ts';
import { type ServablePublication, servable } from './plan/servable.ts';
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
  readonly #options: CloudflareEdgeOptions;
  readonly #ending = new AbortController();
  readonly #budget: Budget;
  readonly #api: CloudflareApi;
  readonly #connectors: Connectors;
  readonly #lock: TunnelLock;
  readonly #intent: Journal;
  readonly #zone: Zone;
  readonly #agenda = new RunScheduler();
  readonly #known: ObservedState;
  readonly #versions = new RuleVersions();
  /** Aborted when the daemon stops: the running call ends, and no other begins. */
  #publishing: AbortSignal | null = null;
  /** What was wanted when all was last made so; null where that is not known. */
  #settled: string | null = null;
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
      onDoubt: () => this.#agenda.recheckAfter(callTimeoutMs),
      closing: () => this.#publishing,
    });
    this.#connectors = new Connectors({ api: this.#api, budget: this.#budget, metrics, signal });
    this.#lock = options.lock ?? createTunnelLock({ tunnelId, instance, patienceMs: LOCK_PATIENCE });
    this.#known = {
      records: null,
      configuration: null,
      ways: new WrittenRules(store, tunnelId),
      idleSince: new Map(),
    };
    this.#intent = new Journal(store, callTimeoutMs);
    const { zoneId, hostname: template, allowDeep } = options;
    this.#zone = new Zone({ api: this.#api, zoneId, store, template, allowDeep });
  }

  onRunDue(due: () => void): void {
    this.#agenda.onRunDue(() => {
      this.#settled = null;
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

  async publish(publication: Publication): Promise<Reconciliation> {
    const served = this.#servable(publication);
    if (this.#settled !== null && this.#settled === wishOf(served.take()))
      return { differences: [], outcomes: served.refused(), problem: null };
    return this.#run(served, false);
  }

  async reconcile(publication: Publication, mend: boolean): Promise<Reconciliation> {
    const served = this.#servable(publication);
    if (mend) return this.#run(served, true);
    return this.#locked(served, true, async (transaction) => ({
      outcomes: [],
      differences: await transaction.compare(served),
      problem: null,
    }));
  }

  #servable(publication: Publication): ServablePublication {
    return servable(publication, (hostname) => this.#zone.problemOf(hostname));
  }

  /** With `look`, or where something is in doubt, what is there is read first. */
  async #run(publication: ServablePublication, look: boolean): Promise<Reconciliation> {
    let wanted = publication.take();
    const watched: Publication = {
      ...publication,
      take: () => {
        wanted = publication.take();
        return wanted;
      },
    };
    const ran = await this.#locked(publication, false, async (transaction) => {
      this.#settled = null;
      const isFresh = this.#agenda.begin(look);
      const result = await transaction.run(watched, isFresh).finally(() => {
        this.#versions.note(wanted, this.#known.configuration);
      });
      this.#agenda.end();
      if (result.outcomes.length === 0 && !this.#agenda.isUnsettled) this.#settled = wishOf(wanted);
      this.#planNext();
      // Records are made before others are removed: who was refused for want of room has it from now on.
      if (result.hasMadeRoom) this.#agenda.again(0);
      const outcomes = withStanding(result.outcomes, wanted, this.#known.configuration);
      return { outcomes, differences: result.differences, problem: null };
    });
    return { ...ran, outcomes: [...ran.outcomes, ...publication.refused()] };
  }

  /**
   * Runs a task under the lock, which is let go of when nothing that was sent can still arrive. What fails as a whole
   * fails for everybody, with words; a look only (`isLook`) is refused.
   */
  async #locked(
    publication: Publication,
    isLook: boolean,
    task: (transaction: Transaction) => Promise<Reconciliation>,
  ): Promise<Reconciliation> {
    const signal = AbortSignal.any([publication.signal, this.#ending.signal]);
    let release = async () => {};
    this.#publishing = publication.signal;
    try {
      const unfinished = await this.#intent.waitOut(signal);
      const held = await this.#lock.acquire(signal);
      if ('heldBy' in held) throw new TunnelBusy(held.heldBy);
      release = held.release;
      const afterMs = this.#budget.waitMs(CALLS_OF_A_RUN);
      if (afterMs > 0) throw new ApiFailure('rate-limited', 'our share of calls is used up', { afterMs });
      // Without it nobody can say which names are its own.
      if (this.#zone.name === null) await this.#zone.learn();
      return await task(this.#transaction(unfinished));
    } catch (error) {
      const explained = explainWhole(
        signal.aborted ? new ApiFailure('aborted', 'this process is ending') : error,
      );
      if (isLook) throw new DevenvError(explained.problem, { cause: error });
      return { differences: [], outcomes: this.#forAll(publication, explained), problem: explained.problem };
    } finally {
      await this.#api.quiet().catch(() => undefined);
      await release();
    }
  }

  /** What failed as a whole, as each student's outcome. */
  #forAll(publication: Publication, explained: ReturnType<typeof explain>): readonly Outcome[] {
    const { routes, registered } = publication.take();
    const students = new Set([...routes, ...registered].map(({ student }) => student));
    this.#settled = null;
    // Nobody is left who would have it tried again, but something of theirs may be.
    if (students.size === 0) this.#agenda.failed(explained.afterMs);
    const outcomes = [...students].map((student) => ({ student, ...explained }));
    return withStanding(outcomes, { routes, registered }, this.#known.configuration);
  }

  #transaction(unfinished: InterruptedRun | null): Transaction {
    const { instance, tunnelId, dns, graceMs } = this.#options;
    return new Transaction({
      api: this.#api,
      names: { instance, tunnelId },
      zoneName: this.#zone.name,
      dns,
      graceMs,
      intent: this.#intent,
      known: this.#known,
      unfinished,
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
    this.#agenda.expectGrace(dns === 'session' ? msToNextGrace(this.#known.idleSince, graceMs) : null);
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
    return examineCloudflare({
      api: this.#api,
      connectors: this.#connectors,
      budget: this.#budget,
      lost: this.#lost,
    });
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#agenda.stop();
  }
}
