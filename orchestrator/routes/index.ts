/**
 * The routes of all students: which are wanted (`wanted.ts`), made real (`publisher.ts`), seen to be so
 * (`confirmer.ts`). Knows no Docker, and no edge's details.
 */
import type { Drift, LinkPhase, LinkReason } from '../domain.ts';
import { type Edge, type Route, type RouteId, routeId } from '../edges/edge.ts';
import type { Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { AdditionalLinks, type RouteForPort } from './additional-links.ts';
import {
  decide,
  type Facts,
  freshMemory,
  heldProblem,
  lastWanted,
  type Memory,
  type Rules,
} from './desired-state.ts';
import { ReadinessChecks } from './readiness.ts';
import { Reconciler } from './reconciler.ts';

export interface RouteView {
  phase: LinkPhase;
  live: boolean;
  reason: LinkReason;
  /** When that became so; ISO 8601, UTC. */
  since: string;
  problem: Problem | null;
  /** Counts the openings, so that each is announced once. */
  opening: number;
  /** Further servers with a link of their own. */
  links: { port: number; hostname: string; live: boolean }[];
}

export interface RoutesOptions {
  edge: Edge;
  rules: Rules;
  log: Log;
  /** What `view` says of that student may have changed. */
  onChange(student: string): void;
  /** Keeps a student's memory on disk, for `hold` after a restart. */
  saveMemory(student: string, json: string): void;
}

interface Held {
  route: Route;
  memory: Memory;
  facts: Facts;
  links: AdditionalLinks;
  look: NodeJS.Timeout | null;
}

export class Routes {
  readonly #options: RoutesOptions;
  readonly #held = new Map<string, Held>();
  /** The same by each of their routes, additional ones included. */
  readonly #byRoute = new Map<RouteId, Held>();
  readonly #publisher: Reconciler;
  readonly #confirmer: ReadinessChecks;

  constructor(options: RoutesOptions) {
    this.#options = options;
    const { edge, log } = options;
    this.#confirmer = new ReadinessChecks(edge, (id) => {
      const held = this.#byRoute.get(id);
      if (held !== undefined) options.onChange(held.route.owner);
    });
    this.#publisher = new Reconciler({ edge, log, onChange: (id) => this.#onPhase(id) });
  }

  start(): void {
    this.#publisher.start();
  }

  /** A student is there. `memory` is what `saveMemory` was last given, or null; `linkFor` gives the links of further ports. */
  register(route: Route, memory: string | null, linkFor: RouteForPort): void {
    const fresh = freshMemory(Date.now());
    const remembered: Memory =
      memory === null ? fresh : { ...fresh, ...(JSON.parse(memory) as Partial<Memory>) };
    const held: Held = {
      route,
      memory: remembered,
      facts: { running: true, report: null, silentMs: 0 },
      links: new AdditionalLinks(this.#publisher, linkFor),
      look: null,
    };
    this.#held.set(route.owner, held);
    this.#byRoute.set(route.id, held);
    this.#publisher.register(route);
    this.#publisher.setDesired(route.id, remembered.wanted);
    this.#followLinks(held);
  }

  /** The student goes; resolves to why something of theirs may still stand at the edge, or null where nothing does. */
  async unregister(student: string): Promise<Problem | null> {
    const held = this.#held.get(student);
    if (held?.look) clearTimeout(held.look);
    this.#held.delete(student);
    if (held !== undefined) this.#letLinksGo(held.links.follow([], []));
    const id = held?.route.id ?? routeId(student);
    this.#byRoute.delete(id);
    this.#confirmer.end(id);
    return this.#publisher.unregister(id);
  }

  /** What is so now. Cheap to repeat. */
  facts(student: string, facts: Facts): void {
    const held = this.#held.get(student);
    if (held === undefined) return;
    held.facts = facts;
    this.#look(held);
  }

  /**
   * The instructor's word: `open` until the next session ends, `close` until the next one begins. With `adopt` the edge
   * takes over what somebody else has at the hostname. What was refused is tried once more.
   */
  override(student: string, word: 'open' | 'close', adopt: boolean): void {
    const held = this.#held.get(student);
    if (held === undefined) return;
    held.memory = { ...held.memory, override: word };
    this.#look(held);
    if (word === 'open') this.#publisher.retryNow(held.route.id, adopt);
  }

  #look(held: Held): void {
    const { route, memory, facts } = held;
    const now = Date.now();
    const { memory: next, nextLookAt } = decide(memory, facts, this.#options.rules, now);
    if (held.look !== null) clearTimeout(held.look);
    held.look =
      nextLookAt === null ? null : setTimeout(() => this.#onTime(held), nextLookAt - now + 1).unref();
    held.memory = next;
    const text = JSON.stringify(next);
    if (text !== JSON.stringify(memory)) this.#options.saveMemory(route.owner, text);
    if (!next.wanted) this.#confirmer.end(route.id);
    this.#publisher.setDesired(route.id, next.wanted);
    this.#follow(route);
    this.#followLinks(held);
  }

  #followLinks(held: Held): void {
    const { memory, links } = held;
    const most = this.#options.rules.links - 1;
    const wanted = memory.wanted ? memory.ports.slice(0, most) : [];
    this.#letLinksGo(links.follow(lastWanted(wanted, memory.linked, most), wanted));
    for (const link of links.all) {
      this.#byRoute.set(link.id, held);
      this.#follow(link);
    }
  }

  #letLinksGo(links: readonly Route[]): void {
    for (const { id } of links) {
      this.#byRoute.delete(id);
      this.#confirmer.end(id);
    }
  }

  /** Whether that hostname is a further link of somebody's, open or not. */
  isLink(hostname: string): boolean {
    return [...this.#byRoute.values()].some(({ links }) =>
      [...links.all].some((link) => link.hostname === hostname),
    );
  }

  /** A grace or a start is over, though nothing was reported. */
  #onTime(held: Held): void {
    this.#look(held);
    this.#options.onChange(held.route.owner);
  }

  /** A student's own link has changed, or a further one. */
  #onPhase(id: RouteId): void {
    const held = this.#byRoute.get(id);
    if (held === undefined) return;
    for (const route of [held.route, ...held.links.all]) this.#follow(route);
    this.#options.onChange(held.route.owner);
  }

  /** An open route is confirmed; any other is not live. */
  #follow(route: Route): void {
    if (this.#publisher.phase(route.id).phase === 'open') this.#confirmer.begin(route);
    else this.#confirmer.end(route.id);
  }

  /** Students whose own link is being opened or closed. Cheap: in a class everybody asks it at once. */
  changing(): string[] {
    const changing = new Set(this.#publisher.changing());
    return [...this.#held.values()]
      .filter(({ route }) => changing.has(route.id))
      .map(({ route }) => route.owner);
  }

  view(student: string): RouteView {
    const held = this.#held.get(student);
    const id = held?.route.id ?? routeId(student);
    const { phase, problem } = this.#publisher.phase(id);
    const confirmed = this.#confirmer.view(id);
    const memory = held?.memory ?? freshMemory(0);
    return {
      phase,
      live: phase === 'open' && confirmed.live,
      reason: memory.reason,
      since: new Date(memory.since).toISOString(),
      problem: problem ?? confirmed.problem ?? heldProblem(memory),
      opening: memory.openings,
      links: (held?.links.wanted ?? []).map(([port, link]) => ({
        port,
        hostname: link.hostname,
        live: this.#publisher.phase(link.id).phase === 'open' && this.#confirmer.view(link.id).live,
      })),
    };
  }

  /** Compares wanted and actual; with `mend` makes them agree. Throws a DevenvError where the edge can't be looked at. */
  sync(mend: boolean): Promise<readonly Drift[]> {
    return this.#publisher.reconcile(mend);
  }

  async stop(): Promise<void> {
    for (const held of this.#held.values()) if (held.look !== null) clearTimeout(held.look);
    this.#confirmer.stop();
    await this.#publisher.stop();
  }
}
