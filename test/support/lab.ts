/**
 * One installation without containers: the orchestrator's modules on one state folder, with settings that may change
 * from one start to the next. An environment consists of its agent's reports.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { systemClock } from '../../orchestrator/clock.ts';
import { createCloudflare } from '../../orchestrator/edges/cloudflare/index.ts';
import type { Edge } from '../../orchestrator/edges/edge.ts';
import type { Environments } from '../../orchestrator/environments/types.ts';
import { SOCKET_FILE_NAME } from '../../orchestrator/protocol/constants.ts';
import type { Report } from '../../orchestrator/protocol/messages.ts';
import { loadSettings } from '../../orchestrator/settings.ts';
import { openStore, type Store } from '../../orchestrator/store/index.ts';
import { Students } from '../../orchestrator/students/index.ts';
import { emptyReport } from './empty-report.ts';
import { createInProcessEdge } from './in-process-edge.ts';
import { silentProgress } from './progress.ts';

/** The image of every environment in the lab. */
export const LAB_IMAGE = 'devenv-student:lab';

/** Environments that run from their creation to their removal. */
function fakeEnvironments(
  stateDir: string,
  running: Set<string>,
  preparing: () => Promise<void>,
  currentImage: () => string | null,
): Environments {
  const unused = () => {
    throw new Error('not available in the lab');
  };
  return {
    async claimInstance() {},
    prepare: preparing,
    async findImage() {},
    get currentImage() {
      return currentImage();
    },
    update: unused,
    async create({ student }) {
      running.add(student);
      return { newHome: true };
    },
    async start({ student }) {
      running.add(student);
    },
    async stop(student) {
      running.delete(student);
    },
    async remove(student) {
      running.delete(student);
    },
    list: async () =>
      [...running].map((student) => ({ student, state: 'running' as const, home: true, image: LAB_IMAGE })),
    freeUid: async (taken) => 20_000 + taken.size,
    async restartAgent() {},
    repairPort: async () => false,
    relayAddress: async () => null,
    access: unused,
    async setEgress() {},
    async applyHomeLimit() {},
    logs: async () => [],
    socketDir: (socketId) => join(stateDir, 'a', socketId),
    async watch(_onChange, signal) {
      if (!signal.aborted) await once(signal, 'abort');
    },
    diagnose: async () => [],
  };
}

/** The report of a session that serves these ports, the first one as the service. Null: the session has ended. */
function reportOf(ports: readonly number[] | null): Report {
  const listeners = (ports ?? []).map((port) => ({
    port,
    addresses: ['127.0.0.1'],
    process: `1${port}:1`,
    command: 'node',
    speaks: 'http' as const,
    purpose: 'page' as const,
    isPublic: true,
  }));
  const [port] = ports ?? [];
  return {
    ...emptyReport,
    sessions:
      ports === null ? [] : [{ id: '100:1', terminal: '/dev/pts/0', ageSeconds: 1, portVariable: 'ok' }],
    listeners,
    service:
      port === undefined ? null : { port, address: '127.0.0.1', scheme: 'http', reason: 'newest-web-server' },
    lastSessionEnd: ports === null ? { kind: 'exited', ageSeconds: 0 } : null,
  };
}

interface Daemon {
  store: Store;
  edge: Edge;
  students: Students;
}

export class Lab {
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'devenv-lab-'));
  readonly #running = new Set<string>();
  readonly #reports = new Map<string, Report>();
  readonly #agents = new Map<string, Socket>();
  /** A creation waits for this before it makes anything, as it does for the image. */
  preparing = async (): Promise<void> => {};
  /** The student image of today. */
  currentImage = LAB_IMAGE;
  #daemon: Daemon | null = null;
  #log = '';

  get #up(): Daemon {
    if (this.#daemon === null) throw new Error('the lab’s daemon is stopped');
    return this.#daemon;
  }

  get students(): Students {
    return this.#up.students;
  }

  get edge(): Edge {
    return this.#up.edge;
  }

  /** Everything that was logged. */
  get log(): string {
    return this.#log;
  }

  /** Starts the daemon. `env`: settings, by environment variable. */
  async up(env: Record<string, string>): Promise<void> {
    const stateDir = this.#stateDir;
    const full = { DEVENV_INSTANCE: 'lab', DEVENV_LISTEN: '127.0.0.1:0', ...env, DEVENV_STATE_DIR: stateDir };
    const settings = loadSettings({ env: full, hostname: 'lab', uid: 0, home: '/' });
    const log = pino({ base: null }, { write: (line: string) => (this.#log += line) });
    const store = openStore(join(stateDir, 'state.db'));
    const edge =
      settings.edge === 'local'
        ? createInProcessEdge(settings)
        : createCloudflare({ settings, env: full, store, clock: systemClock, log });
    await edge.start();
    const environments = fakeEnvironments(
      stateDir,
      this.#running,
      () => this.preparing(),
      () => this.currentImage,
    );
    const students = new Students({ settings, store, environments, edge, clock: systemClock, log });
    this.#daemon = { store, edge, students };
    await students.open();
    for (const name of this.#reports.keys()) this.#report(name);
  }

  /** The student has a session and serves these ports, now and after a restart of the daemon. */
  serve(name: string, ...ports: number[]): void {
    this.#reports.set(name, reportOf(ports));
    this.#report(name);
  }

  /** The student's last session ends with `exit`. */
  leave(name: string): void {
    this.#reports.set(name, reportOf(null));
    this.#report(name);
  }

  /** Sends the newest report over the socket of the student's environment. */
  #report(name: string): void {
    const row = this.#up.store.students().find((each) => each.name === name);
    const agent =
      this.#agents.get(name) ?? connect(join(this.#stateDir, 'a', row?.socketId ?? '', SOCKET_FILE_NAME));
    this.#agents.set(name, agent);
    agent.on('error', () => agent.destroy()).resume();
    agent.write(`${JSON.stringify(this.#reports.get(name))}\n`);
  }

  async create(...names: string[]): Promise<void> {
    for (const name of names)
      await this.students.lifecycle.create(name, silentProgress, new AbortController().signal);
  }

  /** Makes the rows those of an earlier version, whose relays check no key. The daemon must be stopped. */
  forgetRelayKeys(): void {
    const db = new DatabaseSync(join(this.#stateDir, 'state.db'));
    db.exec('UPDATE students SET relay_key = NULL');
    db.close();
  }

  /** Stops the daemon. Published links stay. */
  async down(): Promise<void> {
    const { store, edge, students } = this.#up;
    this.#daemon = null;
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
    await students.close();
    await edge.stop();
    store.close();
  }

  async remove(): Promise<void> {
    if (this.#daemon !== null) await this.down();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}
