/** The whole orchestrator in this process, but no containers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../../orchestrator/clock.ts';
import { createCloudflare } from '../../../orchestrator/edges/cloudflare/index.ts';
import type { Edge } from '../../../orchestrator/edges/edge.ts';
import { loadSettings } from '../../../orchestrator/settings.ts';
import { openStore, type Store } from '../../../orchestrator/store/index.ts';
import { Students } from '../../../orchestrator/students/index.ts';
import { silentProgress } from '../../support/progress.ts';
import { waitFor } from '../../support/wait.ts';
import { FakeEnvironments } from './fake-environments.ts';
import type { SentCalls } from './sent-calls.ts';

/** All that was due is done when nothing was sent for this long. */
const IDLE_MS = 400;
const WAIT_OPTIONS = { timeoutMs: 120_000, everyMs: 20 };

export class Classroom {
  readonly names: readonly string[];
  readonly #stateDir: string;
  readonly #store: Store;
  readonly #edge: Edge;
  readonly #students: Students;
  readonly #environments: FakeEnvironments;
  readonly #calls: SentCalls;
  /** When each student's terminal said that the link is live, in ms since 1970. */
  readonly liveAt = new Map<string, number>();

  private constructor(count: number, env: Record<string, string | undefined>, calls: SentCalls) {
    this.names = Array.from({ length: count }, (_, index) => `s${index}`);
    this.#calls = calls;
    this.#stateDir = mkdtempSync(join(tmpdir(), 'devenv-bench-'));
    const full = { DEVENV_INSTANCE: 'bench', ...env, DEVENV_STATE_DIR: this.#stateDir };
    const settings = loadSettings({ env: full, hostname: 'bench', uid: 0, home: '/' });
    const log = pino({ level: 'silent' });
    this.#store = openStore(join(this.#stateDir, 'state.db'));
    this.#edge = createCloudflare({ settings, env: full, store: this.#store, clock: systemClock, log });
    this.#environments = new FakeEnvironments(this.#stateDir, settings.instance, (student, notice, at) => {
      if (notice === 'live') this.liveAt.set(student, at);
    });
    const deps = {
      settings,
      store: this.#store,
      environments: this.#environments,
      edge: this.#edge,
      clock: systemClock,
      log,
    };
    this.#students = new Students(deps);
  }

  /** A class whose students exist, without a session. `env` has the settings for Cloudflare. */
  static async open(
    count: number,
    env: Record<string, string | undefined>,
    calls: SentCalls,
  ): Promise<Classroom> {
    const classroom = new Classroom(count, env, calls);
    await classroom.#edge.start();
    await classroom.#students.open();
    const { signal } = new AbortController();
    await Promise.all(
      classroom.names.map((name) => classroom.#students.lifecycle.create(name, silentProgress, signal)),
    );
    const { timeoutMs } = WAIT_OPTIONS;
    await waitFor('all that is due', async () => (await classroom.#students.sync(false)).length === 0, {
      timeoutMs,
      everyMs: 200,
    });
    await classroom.quiet();
    return classroom;
  }

  /** Resolves when no call was sent for a while. */
  async quiet(): Promise<void> {
    await waitFor(
      'the calls to end',
      () => {
        const last = Math.max(0, ...this.#calls.all.map(({ startedAt }) => startedAt));
        return this.#calls.isQuiet && performance.now() - last > IDLE_MS;
      },
      WAIT_OPTIONS,
    );
  }

  be(student: string, isIn: boolean): void {
    this.#environments.be([student], isIn);
  }

  phases(): string[] {
    return this.#students.list().map(({ link }) => link.phase);
  }

  /** All start their server at once. Resolves to the ms until the last terminal says that its link is live. */
  async openAll(): Promise<number> {
    this.liveAt.clear();
    const started = performance.timeOrigin + performance.now();
    this.#environments.be(this.names, true);
    await waitFor('every link to be live', () => this.liveAt.size === this.names.length, {
      ...WAIT_OPTIONS,
      everyMs: 5,
      lastSeen: () => `${this.liveAt.size} of ${this.names.length} are`,
    });
    return Math.max(...this.liveAt.values()) - started;
  }

  /** Removes all students, and with them everything at Cloudflare. */
  async removeAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.#students.lifecycle.remove(name, false, silentProgress)));
  }

  /** Stops this process's part; what is at Cloudflare stays. */
  async close(): Promise<void> {
    await this.#students.close();
    await this.#edge.stop();
    await this.#environments.end();
    this.#store.close();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}
