/**
 * Reconciler and cloudflare edge against a mock of Cloudflare's API over real HTTP: everything from a desired link to
 * records and rules, without containers. A simulated process can be killed and replaced; its disk stays.
 */
import { pino } from 'pino';
import { type Clock, systemClock } from '../../orchestrator/clock.ts';
import type { LinkPhase } from '../../orchestrator/domain.ts';
import type { TunnelLock } from '../../orchestrator/edges/cloudflare/apply/tunnel-lock.ts';
import { CloudflareEdge, type CloudflareEdgeOptions } from '../../orchestrator/edges/cloudflare/edge.ts';
import { type Route, routeId } from '../../orchestrator/edges/edge.ts';
import type { Problem } from '../../orchestrator/errors.ts';
import type { Log } from '../../orchestrator/log.ts';
import { Reconciler } from '../../orchestrator/routes/reconciler.ts';
import type { MockCloudflare } from '../cloudflare/index.ts';
import { ownRoute } from './own-route.ts';

/** The store's content, which survives a kill. */
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

  /** Everything that was ever written to it, as text. */
  text(): string {
    return this.#written.join('\n');
  }
}

/** A log whose lines a test can read. */
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

/** The batch window is open for at most 50 ms. */
const LONGER_THAN_BATCH_WINDOW_MS = 120;

export type RigOptions = Partial<CloudflareEdgeOptions> & { disk?: MemoryDisk };

/** One simulated process: the part of the orchestrator that publishes links. */
export class CloudflareRig {
  readonly mock: MockCloudflare;
  readonly disk: MemoryDisk;
  readonly edge: CloudflareEdge;
  readonly reconciler: Reconciler;
  readonly log = recordingLog();
  /** Students whose link has changed, in order. */
  readonly changes: string[] = [];
  /** Reported problems, in order. */
  readonly problems: { student: string; what: string }[] = [];
  /** Students that were ever registered. */
  readonly registered: string[] = [];
  /** When it sent its newest write, in ms on the monotonic clock. */
  lastWriteAtMs = 0;
  #isKilled = false;
  #runsInFlight = 0;
  #runsEnded = 0;
  readonly #clock: Clock;

  constructor(mock: MockCloudflare, { disk = new MemoryDisk(), ...options }: RigOptions = {}) {
    this.mock = mock;
    this.disk = disk;
    this.#clock = options.clock ?? systemClock;
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
      clock: this.#clock,
      store: this.#whileAlive(disk),
      log: this.log.log,
      callTimeoutMs: 2000,
      fetch: (input, init) => this.#fetch(input, init),
      ...options,
    });
    this.#countRuns();
    this.reconciler = new Reconciler({
      edge: this.edge,
      clock: this.#clock,
      log: this.log.log,
      onChange: (id) => {
        this.changes.push(id);
        const { problem } = this.reconciler.phase(id);
        if (problem !== null) this.problems.push({ student: id, what: problem.what });
      },
    });
  }

  /** Nothing that a killed process writes reaches the disk. */
  #whileAlive(disk: MemoryDisk): CloudflareEdgeOptions['store'] {
    return {
      putJournalEntry: (id, body) => this.#isKilled || disk.putJournalEntry(id, body),
      removeJournalEntry: (id) => this.#isKilled || disk.removeJournalEntry(id),
      journalEntries: () => disk.journalEntries(),
      remember: (key, value) => this.#isKilled || disk.remember(key, value),
      recall: (key) => disk.recall(key),
    };
  }

  #countRuns(): void {
    const begin = this.edge.begin.bind(this.edge);
    this.edge.begin = async (preview, options) => {
      if (options.mode !== 'publish') return begin(preview, options);
      this.#runsInFlight += 1;
      const ended = () => {
        this.#runsInFlight -= 1;
        this.#runsEnded += 1;
      };
      const run = await begin(preview, options).catch((error) => {
        ended();
        throw error;
      });
      return { ...run, apply: (snapshot) => run.apply(snapshot).finally(ended) };
    };
  }

  /** Runs that published and have ended. */
  get runsEnded(): number {
    return this.#runsEnded;
  }

  /** Resolves when no run is in flight and no batch window is open. */
  async whenIdle(): Promise<void> {
    for (let seen = -1; seen !== this.#runsEnded || this.#runsInFlight > 0; ) {
      seen = this.#runsEnded;
      await this.#clock.sleep(LONGER_THAN_BATCH_WINDOW_MS);
    }
  }

  /** A killed process sends nothing and receives nothing. */
  #fetch(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
    const never = new Promise<never>(() => {});
    if (this.#isKilled) return never;
    if (init?.method?.toUpperCase() !== 'GET') this.lastWriteAtMs = this.#clock.monotonicMs();
    return fetch(input, init).then(
      (response) => (this.#isKilled ? never : response),
      (error: unknown) => (this.#isKilled ? never : Promise.reject(error)),
    );
  }

  hostname(student: string): string {
    return `${student}.${this.mock.zoneName}`;
  }

  /** Registers the student's own link. */
  registerStudent(student: string, port = 3001): void {
    this.registered.push(student);
    this.register(ownRoute(student, this.hostname(student), `http://127.0.0.1:${port}`));
  }

  register(route: Route): void {
    this.reconciler.register(route);
  }

  setDesired(student: string, desired: boolean): void {
    this.reconciler.setDesired(routeId(student), desired);
  }

  retryNow(student: string, adopt: boolean): void {
    this.reconciler.retryNow(routeId(student), adopt);
  }

  unregister(student: string): ReturnType<Reconciler['unregister']> {
    return this.reconciler.unregister(routeId(student));
  }

  async start(): Promise<void> {
    await this.edge.start();
    this.reconciler.start();
  }

  view(student: string): ReturnType<Reconciler['phase']> {
    return this.reconciler.phase(routeId(student));
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

  /** SIGKILL: nothing continues. The kernel releases the lock. */
  kill(): void {
    this.#isKilled = true;
    void this.reconciler.stop();
    void this.edge.stop();
  }

  /** Stops as the daemon does; does nothing after a kill. */
  async stop(): Promise<void> {
    if (this.#isKilled) return;
    await this.reconciler.stop();
    await this.edge.stop();
  }
}

/** A lock among the simulated processes of one test. */
export function simulatedLock(): TunnelLock & { free(): void } {
  let held: symbol | null = null;
  return {
    async acquire(signal) {
      while (held !== null && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
      if (signal.aborted) return { heldBy: 'none: the process that waits has ended' };
      const mine = Symbol('holder');
      held = mine;
      return {
        async release() {
          if (held === mine) held = null;
        },
      };
    },
    /** The process that has the lock was killed. */
    free() {
      held = null;
    },
  };
}
