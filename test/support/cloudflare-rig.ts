/**
 * The publisher on the cloudflare edge, against a mock of Cloudflare's API over real HTTP: the whole way from a wish
 * to records and rules, without containers. A "process" can be killed and another take its place; the disk stays.
 */

import { pino } from 'pino';
import { systemClock } from '../../orchestrator/clock.ts';
import type { LinkPhase } from '../../orchestrator/domain.ts';
import type { TunnelLock } from '../../orchestrator/edges/cloudflare/apply/tunnel-lock.ts';
import { CloudflareEdge, type CloudflareEdgeOptions } from '../../orchestrator/edges/cloudflare/edge.ts';
import { type Route, routeId } from '../../orchestrator/edges/edge.ts';
import type { Problem } from '../../orchestrator/errors.ts';
import type { Log } from '../../orchestrator/log.ts';
import { Reconciler } from '../../orchestrator/routes/reconciler.ts';
import type { MockCloudflare } from '../cloudflare/index.ts';
import { ownRoute } from './own-route.ts';

/** What is on disk: survives a kill. */
export class MemoryDisk {
  readonly #journal = new Map<string, string>();
  readonly #facts = new Map<string, string>();
  readonly #written: string[] = [];

  putJournalEntry(id: string, body: string): void {
    this.#written.push(`${id} ${body}`);
    this.#journal.set(id, body);
  }

  removeJournalEntry(id: string): void {
    this.#journal.delete(id);
  }

  journalEntries(): { id: string; body: string }[] {
    return [...this.#journal].map(([id, body]) => ({ id, body }));
  }

  remember(key: string, value: string): void {
    this.#written.push(`${key} ${value}`);
    this.#facts.set(key, value);
  }

  recall(key: string): string | null {
    return this.#facts.get(key) ?? null;
  }

  /** All that was ever written to it, in words. */
  text(): string {
    return this.#written.join('\n');
  }
}

/** A log that can be looked at. */
function recordingLog(): {
  log: Log;
  lines: () => { level: number; msg: string }[];
  text: () => string;
} {
  let text = '';
  const log = pino(
    { level: 'debug', base: null },
    {
      write: (line: string) => {
        text += line;
      },
    },
  );
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { level: number; msg: string });
  return { log, lines, text: () => text };
}

export type RigOptions = Partial<CloudflareEdgeOptions> & { disk?: MemoryDisk };

/** One "process" of the orchestrator's publishing half. */
export class CloudflareRig {
  readonly mock: MockCloudflare;
  readonly disk: MemoryDisk;
  readonly edge: CloudflareEdge;
  readonly publisher: Reconciler;
  readonly log = recordingLog();
  /** Students whose view has changed, in order. */
  readonly changes: string[] = [];
  /** What was told, in order. */
  readonly problems: { student: string; what: string }[] = [];
  /** Students that were ever held. */
  readonly held: string[] = [];
  /** When it sent its newest write, in ms of `performance.now`. */
  wroteAt = 0;
  #isDead = false;
  #publishing = 0;
  #published = 0;

  constructor(mock: MockCloudflare, { disk = new MemoryDisk(), ...options }: RigOptions = {}) {
    this.mock = mock;
    this.disk = disk;
    this.edge = new CloudflareEdge({
      instance: 'lab',
      token: mock.token,
      accountId: mock.accountId,
      tunnelId: mock.tunnelId,
      zoneId: mock.zoneId,
      baseUrl: mock.baseUrl,
      hostname: null,
      allowDeep: false,
      dns: 'student',
      graceMs: 600_000,
      budget: 1200,
      metrics: null,
      clock: systemClock,
      store: this.#whileAlive(disk),
      log: this.log.log,
      callTimeoutMs: 2000,
      fetch: (input, init) => this.#fetch(input, init),
      ...options,
    });
    this.#countPublications();
    this.publisher = new Reconciler({
      edge: this.edge,
      clock: systemClock,
      log: this.log.log,
      onChange: (id) => {
        this.changes.push(id);
        const { problem } = this.publisher.phase(id);
        if (problem !== null) this.problems.push({ student: id, what: problem.what });
      },
    });
  }

  /** What a dead process writes does not reach the disk. */
  #whileAlive(disk: MemoryDisk): CloudflareEdgeOptions['store'] {
    return {
      putJournalEntry: (id, body) => this.#isDead || disk.putJournalEntry(id, body),
      removeJournalEntry: (id) => this.#isDead || disk.removeJournalEntry(id),
      journalEntries: () => disk.journalEntries(),
      remember: (key, value) => this.#isDead || disk.remember(key, value),
      recall: (key) => disk.recall(key),
    };
  }

  #countPublications(): void {
    const begin = this.edge.begin.bind(this.edge);
    this.edge.begin = async (preview, options) => {
      if (options.mode !== 'publish') return begin(preview, options);
      this.#publishing += 1;
      const ended = () => {
        this.#publishing -= 1;
        this.#published += 1;
      };
      const run = await begin(preview, options).catch((error) => {
        ended();
        throw error;
      });
      return { ...run, apply: (snapshot) => run.apply(snapshot).finally(ended) };
    };
  }

  /** Publications that have ended. */
  get published(): number {
    return this.#published;
  }

  /** Resolves when no publication runs or waits for company. */
  async quiet(): Promise<void> {
    for (let seen = -1; seen !== this.#published || this.#publishing > 0; ) {
      seen = this.#published;
      // Longer than a publication waits for company.
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
  }

  /** A dead process sends nothing, and hears nothing. */
  #fetch(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
    const never = new Promise<never>(() => {});
    if (this.#isDead) return never;
    if (init?.method?.toUpperCase() !== 'GET') this.wroteAt = performance.now();
    return fetch(input, init).then(
      (response) => (this.#isDead ? never : response),
      (error: unknown) => (this.#isDead ? never : Promise.reject(error)),
    );
  }

  hostname(student: string): string {
    return `${student}.${this.mock.zoneName}`;
  }

  /** A student exists, with a port of their own. */
  hold(student: string, port = 3001): void {
    this.held.push(student);
    this.register(ownRoute(student, this.hostname(student), `http://127.0.0.1:${port}`));
  }

  register(route: Route): void {
    this.publisher.register(route);
  }

  setDesired(student: string, desired: boolean): void {
    this.publisher.setDesired(routeId(student), desired);
  }

  retryNow(student: string, adopt: boolean): void {
    this.publisher.retryNow(routeId(student), adopt);
  }

  unregister(student: string): ReturnType<Reconciler['unregister']> {
    return this.publisher.unregister(routeId(student));
  }

  async start(): Promise<void> {
    await this.edge.start();
    this.publisher.start();
  }

  view(student: string): ReturnType<Reconciler['phase']> {
    return this.publisher.phase(routeId(student));
  }

  phase(student: string): LinkPhase {
    return this.view(student).phase;
  }

  get problem(): (student: string) => Problem | null {
    return (student) => this.view(student).problem;
  }

  /** Rules in the tunnel's configuration: `hostname → service`, catch-all included. */
  rules(): string[] {
    const { ingress = [] } = (this.mock.account.tunnel.config ?? {}) as {
      ingress?: { hostname?: string; service: string }[];
    };
    return ingress.map(({ hostname, service }) => `${hostname ?? '*'} → ${service}`);
  }

  /** Records of the zone: `name → content`. */
  records(): string[] {
    return this.mock.account.records.map(({ name, content }) => `${name} → ${content}`).sort();
  }

  /** SIGKILL: nothing of it goes on. The lock is the kernel's, so it is free again. */
  kill(): void {
    this.#isDead = true;
    void this.publisher.stop();
    void this.edge.stop();
  }

  /** Ends in good order; there is nothing left to end of a dead one. */
  async stop(): Promise<void> {
    if (this.#isDead) return;
    await this.publisher.stop();
    await this.edge.stop();
  }
}

/** A lock among the simulated processes of one test: a killed holder never blocks. */
export function simulatedLock(): TunnelLock & { free(): void } {
  let held: symbol | null = null;
  return {
    async acquire(signal) {
      while (held !== null && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
      if (signal.aborted) return { heldBy: 'nobody: who asks has ended' };
      const mine = Symbol('holder');
      held = mine;
      return {
        async release() {
          if (held === mine) held = null;
        },
      };
    },
    free() {
      held = null;
    },
  };
}
