/**
 * The links of all students: decides which are desired (`desired-state.ts`), has them published (`reconciler.ts`) and
 * checked (`readiness.ts`). Each student has one own link and, for further servers, additional ones.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Drift, LinkPhase, LinkReason } from '../domain.ts';
import { type Edge, type Route, type RouteId, routeId } from '../edges/edge.ts';
import type { Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { AdditionalLinks, type RouteForPort } from './additional-links.ts';
import {
  evaluate,
  type Facts,
  initialMemory,
  type LinkMemory,
  type LinkRules,
  portsToReserve,
  rateLimitProblem,
} from './desired-state.ts';
import { ReadinessChecks } from './readiness.ts';
import { Reconciler } from './reconciler.ts';
import { SharedOpenings } from './shared-openings.ts';

export interface RouteView {
  phase: LinkPhase;
  live: boolean;
  reason: LinkReason;
  /** When phase or reason last changed; ISO 8601, UTC. */
  since: string;
  problem: Problem | null;
  /** How often the link has been opened, so that each opening is announced once. */
  opening: number;
  /** The additional links that are desired. */
  additionalLinks: { port: number; hostname: string; live: boolean }[];
}

export interface RoutesOptions {
  edge: Edge;
  rules: LinkRules;
  clock: Clock;
  log: Log;
  /** The student's `view` may have changed. */
  onChange(student: string): void;
  /** Stores a student's memory for `register` after a restart. */
  saveMemory(student: string, json: string): void;
}

interface StudentLinks {
  route: Route;
  memory: LinkMemory;
  facts: Facts;
  additional: AdditionalLinks;
  /** Fires when time alone may change the result. */
  timer: Timer | null;
}

/** The additional evaluation delay after a deadline, so that it has certainly passed. */
const AFTER_DEADLINE_MS = 1;

export class Routes {
  readonly #options: RoutesOptions;
  readonly #students = new Map<string, StudentLinks>();
  /** The same by route, additional ones included. */
  readonly #byRoute = new Map<RouteId, StudentLinks>();
  readonly #reconciler: Reconciler;
  readonly #readiness: ReadinessChecks;
  readonly #sharedOpenings: SharedOpenings;

  constructor(options: RoutesOptions) {
    this.#options = options;
    const { edge, log, clock } = options;
    this.#sharedOpenings = new SharedOpenings(edge.sharedOpenings);
    this.#readiness = new ReadinessChecks(edge, clock, (id) => {
      const links = this.#byRoute.get(id);
      if (links !== undefined) options.onChange(links.route.owner);
    });
    this.#reconciler = new Reconciler({ edge, clock, log, onChange: (id) => this.#onPhaseChange(id) });
  }

  /** Begins to publish. All students must be registered, or their links would be removed. */
  start(): void {
    this.#reconciler.start();
  }

  /** Adds a student. `memory`: what `saveMemory` was last given, or null. `routeForPort`: routes of additional links. */
  register(route: Route, memory: string | null, routeForPort: RouteForPort): void {
    const initial = initialMemory(this.#options.clock.now());
    const links: StudentLinks = {
      route,
      memory: { ...initial, ...(memory !== null && (JSON.parse(memory) as Partial<LinkMemory>)) },
      facts: { running: true, report: null, silentMs: 0 },
      additional: new AdditionalLinks(this.#reconciler, routeForPort),
      timer: null,
    };
    this.#students.set(route.owner, links);
    this.#byRoute.set(route.id, links);
    this.#reconciler.register(route);
    this.#reconciler.setDesired(route.id, links.memory.desired);
    this.#updateAdditional(links);
  }

  /** Removes a student. Resolves after one run, to why the edge may still have something of theirs, or to null. */
  async unregister(student: string): Promise<Problem | null> {
    const links = this.#students.get(student);
    links?.timer?.cancel();
    this.#students.delete(student);
    this.#sharedOpenings.forget(student);
    if (links !== undefined) this.#forget(links.additional.update([], []));
    const id = links?.route.id ?? routeId(student);
    this.#byRoute.delete(id);
    this.#readiness.end(id);
    return this.#reconciler.unregister(id);
  }

  /** Takes what is observed of a student. Cheap, so that it may be repeated. */
  setFacts(student: string, facts: Facts): void {
    const links = this.#students.get(student);
    if (links === undefined) return;
    links.facts = facts;
    this.#evaluate(links);
  }

  /**
   * Sets the instructor's override: `open` until the next session ends, `close` until the next one begins. `open` also
   * retries a refused link, and with `adopt` takes over what another owner has at the hostname.
   */
  override(student: string, override: 'open' | 'close', adopt: boolean): void {
    const links = this.#students.get(student);
    if (links === undefined) return;
    links.memory = { ...links.memory, override };
    this.#evaluate(links);
    if (override === 'open') this.#reconciler.retryNow(links.route.id, adopt);
  }

  #evaluate(links: StudentLinks): void {
    const { route, memory, facts } = links;
    const { rules, clock, saveMemory } = this.#options;
    const now = clock.now();
    const takeShared = () => this.#sharedOpenings.take(route.owner, now);
    const { memory: next, evaluateAgainAt } = evaluate(memory, facts, rules, now, takeShared);
    links.timer?.cancel();
    links.timer =
      evaluateAgainAt === null
        ? null
        : clock.setTimer(() => this.#onDeadline(links), evaluateAgainAt - now + AFTER_DEADLINE_MS);
    links.memory = next;
    const json = JSON.stringify(next);
    if (json !== JSON.stringify(memory)) saveMemory(route.owner, json);
    if (!next.desired) this.#readiness.end(route.id);
    this.#reconciler.setDesired(route.id, next.desired);
    this.#checkReadiness(route);
    this.#updateAdditional(links);
  }

  #updateAdditional(links: StudentLinks): void {
    const { memory, additional } = links;
    const limit = this.#options.rules.links - 1;
    const desired = memory.desired ? memory.additionalPorts.slice(0, limit) : [];
    this.#forget(additional.update(portsToReserve(desired, memory.reservedPorts, limit), desired));
    for (const route of additional.all) {
      this.#byRoute.set(route.id, links);
      this.#checkReadiness(route);
    }
  }

  #forget(routes: readonly Route[]): void {
    for (const { id } of routes) {
      this.#byRoute.delete(id);
      this.#readiness.end(id);
    }
  }

  /** Whether that hostname is an additional link, open or closed. */
  isLink(hostname: string): boolean {
    return [...this.#students.values()].some(({ additional }) =>
      [...additional.all].some((route) => route.hostname === hostname),
    );
  }

  /** A grace period, a start or a rate limit has ended without a report. */
  #onDeadline(links: StudentLinks): void {
    this.#evaluate(links);
    this.#options.onChange(links.route.owner);
  }

  /** The phase of a student's own or additional link may have changed. */
  #onPhaseChange(id: RouteId): void {
    const links = this.#byRoute.get(id);
    if (links === undefined) return;
    for (const route of [links.route, ...links.additional.all]) this.#checkReadiness(route);
    this.#options.onChange(links.route.owner);
  }

  /** Checks a route while it is open. */
  #checkReadiness(route: Route): void {
    if (this.#reconciler.phase(route.id).phase === 'open') this.#readiness.begin(route);
    else this.#readiness.end(route.id);
  }

  /** Students whose own link is being opened or closed. Cheap: a whole class asks at once. */
  changing(): string[] {
    const changing = new Set(this.#reconciler.changing());
    return [...this.#students.values()].flatMap(({ route }) => (changing.has(route.id) ? [route.owner] : []));
  }

  view(student: string): RouteView {
    const links = this.#students.get(student);
    const id = links?.route.id ?? routeId(student);
    const { phase, problem } = this.#reconciler.phase(id);
    const readiness = this.#readiness.view(id);
    const memory = links?.memory ?? initialMemory(0);
    return {
      phase,
      live: phase === 'open' && readiness.live,
      reason: memory.reason,
      since: new Date(memory.since).toISOString(),
      problem: problem ?? readiness.problem ?? rateLimitProblem(memory),
      opening: memory.openings,
      additionalLinks: (links?.additional.desired ?? []).map(([port, route]) => ({
        port,
        hostname: route.hostname,
        live: this.#isLive(route),
      })),
    };
  }

  #isLive({ id }: Route): boolean {
    return this.#reconciler.phase(id).phase === 'open' && this.#readiness.view(id).live;
  }

  /** Compares desired and observed state, and with `repair` repairs the drift. Throws if the edge can't be read. */
  sync(repair: boolean): Promise<readonly Drift[]> {
    return this.#reconciler.reconcile(repair);
  }

  async stop(): Promise<void> {
    for (const { timer } of this.#students.values()) timer?.cancel();
    this.#readiness.stop();
    await this.#reconciler.stop();
  }
}
