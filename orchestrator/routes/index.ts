/**
 * The routes of all students: which are wanted (`wanted.ts`), made real (`publisher.ts`), seen to be so
 * (`confirmer.ts`). Knows no Docker, and no edge's details.
 */
import type { RoutePhase } from '../agents/protocol.ts';
import type { Difference, RouteReason } from '../api/contract.ts';
import type { Edge, Route } from '../edges/edge.ts';
import type { Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import { Confirmer } from './confirmer.ts';
import { Publisher } from './publisher.ts';
import { decide, type Facts, freshMemory, type Memory, type Times } from './wanted.ts';

export interface RouteView {
  phase: RoutePhase;
  live: boolean;
  reason: RouteReason;
  /** When that became so; ISO 8601, UTC. */
  since: string;
  problem: Problem | null;
  /** Counts the openings, so that each is announced once. */
  opening: number;
}

export interface RoutesOptions {
  edge: Edge;
  times: Times;
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
  look: NodeJS.Timeout | null;
}

export class Routes {
  readonly #options: RoutesOptions;
  readonly #held = new Map<string, Held>();
  readonly #publisher: Publisher;
  readonly #confirmer: Confirmer;

  constructor(options: RoutesOptions) {
    this.#options = options;
    const { edge, log } = options;
    this.#confirmer = new Confirmer(edge, (student) => options.onChange(student));
    this.#publisher = new Publisher({ edge, log, onChange: (student) => this.#onPhase(student) });
  }

  start(): void {
    this.#publisher.start();
  }

  /** A student is there. `memory` is what `saveMemory` was last given, or null. */
  hold(route: Route, memory: string | null): void {
    const remembered = memory === null ? freshMemory(Date.now()) : (JSON.parse(memory) as Memory);
    this.#held.set(route.student, {
      route,
      memory: remembered,
      facts: { running: true, report: null, silentMs: 0 },
      look: null,
    });
    this.#publisher.hold(route);
    this.#publisher.want(route.student, remembered.wanted);
  }

  /** The student goes; resolves when nothing leads to them any more. */
  async release(student: string): Promise<void> {
    const held = this.#held.get(student);
    if (held?.look) clearTimeout(held.look);
    this.#held.delete(student);
    this.#confirmer.end(student);
    await this.#publisher.release(student);
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
    if (word === 'open') this.#publisher.insist(student, adopt);
  }

  #look(held: Held): void {
    const { route, memory, facts } = held;
    const now = Date.now();
    const { memory: next, nextLookAt } = decide(memory, facts, this.#options.times, now);
    if (held.look !== null) clearTimeout(held.look);
    held.look =
      nextLookAt === null ? null : setTimeout(() => this.#onTime(held), nextLookAt - now + 1).unref();
    held.memory = next;
    const text = JSON.stringify(next);
    if (text !== JSON.stringify(memory)) this.#options.saveMemory(route.student, text);
    if (!next.wanted) this.#confirmer.end(route.student);
    this.#publisher.want(route.student, next.wanted);
    this.#follow(route);
  }

  /** A grace or a start is over, though nothing was reported. */
  #onTime(held: Held): void {
    this.#look(held);
    this.#options.onChange(held.route.student);
  }

  #onPhase(student: string): void {
    const held = this.#held.get(student);
    if (held === undefined) return;
    this.#follow(held.route);
    this.#options.onChange(student);
  }

  /** An open route is confirmed; any other is not live. */
  #follow(route: Route): void {
    if (this.#publisher.phase(route.student).phase === 'open') this.#confirmer.begin(route);
    else this.#confirmer.end(route.student);
  }

  view(student: string): RouteView {
    const held = this.#held.get(student);
    const { phase, problem } = this.#publisher.phase(student);
    const confirmed = this.#confirmer.view(student);
    const memory = held?.memory ?? freshMemory(0);
    return {
      phase,
      live: phase === 'open' && confirmed.live,
      reason: memory.reason,
      since: new Date(memory.since).toISOString(),
      problem: problem ?? confirmed.problem,
      opening: memory.openings,
    };
  }

  /** Compares wanted and actual; with `mend` makes them agree. Throws a DevenvError where the edge can't be looked at. */
  sync(mend: boolean): Promise<readonly Difference[]> {
    return this.#publisher.reconcile(mend);
  }

  async stop(): Promise<void> {
    for (const held of this.#held.values()) if (held.look !== null) clearTimeout(held.look);
    this.#confirmer.stop();
    await this.#publisher.stop();
  }
}
