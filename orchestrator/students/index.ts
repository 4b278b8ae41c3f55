/**
 * The students of this installation: the one place where environments, agents, routes and the edge meet. Offers
 * what the daemon's backend needs; how they are wired to each other is decided here and nowhere else.
 */

import { Heartbeats } from '../agents/heartbeats.ts';
import { type AgentSockets, createAgentSockets } from '../agents/index.ts';
import { systemClock } from '../clock.ts';
import type { AccessInfo, Drift, LogLine, Progress } from '../domain.ts';
import type { Edge } from '../edges/edge.ts';
import type { EnvironmentChange, Environments } from '../environments/types.ts';
import { DevenvError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Routes } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import type { Store } from '../store/index.ts';
import type { StudentView } from '../student-view.ts';
import { AgentSync } from './agent-sync.ts';
import { Lifecycle } from './lifecycle.ts';
import { Roster, type Student, specOf } from './roster.ts';
import { restartSilentAgents } from './silent-agents.ts';
import { viewOf } from './view.ts';

export interface StudentsOptions {
  settings: Settings;
  store: Store;
  environments: Environments;
  edge: Edge;
  log: Log;
}

type OutOfMemory = Extract<EnvironmentChange, { kind: 'out-of-memory' }>;

/** Progress of work that nobody waits for goes to the log. */
function logProgress(log: Log): Progress {
  return {
    step: (_id, text) => log.info(text),
    done: (_id, text) => log.info(text),
    warn: (text) => log.warn(text),
  };
}

export class Students {
  readonly #options: StudentsOptions;
  readonly #roster: Roster;
  readonly #routes: Routes;
  readonly #sockets: AgentSockets;
  readonly #conversation: AgentSync;
  readonly #lifecycle: Lifecycle;
  readonly #lease = new Heartbeats();
  readonly #stopping = new AbortController();

  constructor(options: StudentsOptions) {
    this.#options = options;
    const { settings, edge, environments, log, store } = options;
    const roster = new Roster(store);
    this.#roster = roster;
    this.#sockets = createAgentSockets({
      clock: systemClock,
      log,
      onReport: (name, report) => this.#conversation.onReport(name, report),
      onConnection: (name) => this.#conversation.onConnection(name),
    });
    this.#routes = new Routes({
      edge,
      rules: { ...settings.times, links: settings.links },
      log,
      onChange: (name) => this.#onRoute(name),
      saveMemory: (name, memory) => {
        const student = roster.find(name);
        if (student !== undefined) roster.update(student, { routeMemory: memory });
      },
    });
    const shared = {
      log,
      settings,
      roster,
      routes: this.#routes,
      sockets: this.#sockets,
      lease: this.#lease,
      edge,
    };
    this.#conversation = new AgentSync(shared);
    this.#lifecycle = new Lifecycle({
      ...shared,
      environments,
      conversation: this.#conversation,
      log,
    });
  }

  /** Takes up where the last daemon left; returns as soon as the API can be served. */
  async start(): Promise<void> {
    const { environments, log, settings } = this.#options;
    const progress = logProgress(log);
    const { signal } = this.#stopping;
    this.#roster.load();
    await this.#lifecycle.recover(progress);
    this.#routes.start();
    const resume = () =>
      this.#lifecycle.resume(progress, signal).catch((err) => log.error({ err }, 'resume'));
    void resume();
    restartSilentAgents({
      roster: this.#roster,
      lease: this.#lease,
      conversation: this.#conversation,
      environments,
      restartAfterMs: settings.times.restart * 1000,
      leaseMs: settings.times.lease * 1000,
      log,
      signal,
    });
    environments
      .watch((change) => this.#onEnvironment(change, resume), signal)
      .catch((err) => log.error({ err }, 'the engine is no longer watched'));
  }

  #onRoute(name: string): void {
    const student = this.#roster.find(name);
    if (student !== undefined) this.#conversation.reconcile(student);
  }

  #onEnvironment(change: EnvironmentChange, resume: () => Promise<void>): void {
    const { log } = this.#options;
    switch (change.kind) {
      case 'engine-away':
        log.warn('the Docker engine is away');
        return;
      case 'engine-back':
        log.info('the Docker engine is back');
        void resume();
        return;
      case 'out-of-memory':
        this.#onOutOfMemory(change);
        return;
      case 'started':
      case 'stopped':
      case 'removed': {
        const student = this.#roster.find(change.student);
        if (student === undefined) return;
        const states = {
          started: 'running',
          stopped: 'stopped',
          removed: 'missing',
        } as const;
        this.#lifecycle.setContainerState(student, states[change.kind]);
      }
    }
  }

  #onOutOfMemory({ student: name, limitBytes, peakBytes }: OutOfMemory): void {
    const student = this.#roster.find(name);
    if (student === undefined) return;
    student.memoryKill = { at: Date.now(), limitBytes, peakBytes };
    this.#options.log.warn({ student: name, limitBytes, peakBytes }, 'a process was killed for memory');
    this.#conversation.reconcile(student);
  }

  #view(student: Student): StudentView {
    const { name } = student.row;
    return viewOf(student, this.#routes.view(name), {
      urlOf: (hostname) => this.#options.edge.url(hostname),
      isConnected: this.#sockets.isConnected(name),
      silentForMs: this.#lease.sinceMs(name),
    });
  }

  /** Present students only: one that is being made or removed is not there yet, or no more. */
  list(): StudentView[] {
    return this.#roster
      .all()
      .filter((student) => student.row.state.kind === 'present')
      .map((student) => this.#view(student));
  }

  get(name: string): StudentView {
    return this.#view(this.#roster.get(name));
  }

  async create(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#view(await this.#lifecycle.create(name, progress, signal));
  }

  async run(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#view(await this.#lifecycle.start(name, progress, signal));
  }

  async halt(name: string, progress: Progress): Promise<StudentView> {
    return this.#view(await this.#lifecycle.stop(name, progress));
  }

  async restart(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#view(await this.#lifecycle.restart(name, progress, signal));
  }

  remove(name: string, keepHome: boolean, progress: Progress): Promise<void> {
    return this.#lifecycle.remove(name, keepHome, progress);
  }

  /** The instructor's word on the link. */
  override(name: string, override: 'open' | 'close', adopt = false): StudentView {
    const student = this.#roster.get(name);
    if (override === 'open') this.#requireRunning(student);
    this.#routes.override(name, override, adopt);
    this.#conversation.reconcile(student);
    return this.#view(student);
  }

  /** Compares the edge's observed with the desired state; `repair` writes what differs. */
  async sync(repair: boolean): Promise<Drift[]> {
    return [...(await this.#routes.sync(repair))];
  }

  access(name: string): AccessInfo {
    const student = this.#roster.get(name);
    this.#requireRunning(student);
    return this.#options.environments.access(
      specOf(student.row, this.#options.edge.url(student.row.hostname)),
    );
  }

  /** What the environment has printed, as lines of the log. Throws `not-found`. */
  async printed(name: string, lines: number): Promise<LogLine[]> {
    const { row } = this.#roster.get(name);
    const printed = await this.#options.environments.logs(row.name, lines);
    return printed.map(({ at, text }) => ({ at, level: 'info', student: name, text: `printed: ${text}` }));
  }

  #requireRunning(student: Student): void {
    if (student.environment === 'running') return;
    throw new DevenvError({
      code: 'environment',
      what: `${student.row.name}'s environment is not running.`,
      next: `\`devenv start ${student.row.name}\` starts it.`,
    });
  }

  /** Ends what this process does; environments and what is published stay as they are. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#lease.stop();
    await this.#routes.stop();
    await this.#sockets.stop();
  }
}
