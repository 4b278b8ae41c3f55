/**
 * The students of this installation. The only place where environments, agents, routes and the edge meet, and where
 * they are connected to each other.
 */
import { createAgentSockets, Heartbeats } from '../agents/index.ts';
import type { Clock } from '../clock.ts';
import type { AccessInfo, Diagnostic, Drift, Egress, EgressPolicy, LogLine, Progress } from '../domain.ts';
import type { Edge } from '../edges/edge.ts';
import type { EnvironmentChange, Environments } from '../environments/types.ts';
import { DevenvError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Routes } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import type { Store } from '../store/index.ts';
import type { StudentView } from '../student-view.ts';
import { AgentSync } from './agent-sync.ts';
import { DeadPorts } from './dead-ports.ts';
import { EgressControl } from './egress.ts';
import { Lifecycle, type LifecycleDeps } from './lifecycle.ts';
import { diagnoseRelayAccess } from './relay-access.ts';
import { RelayAddresses } from './relay-addresses.ts';
import { Roster } from './roster.ts';
import { watchSilentAgents } from './silent-agents.ts';
import { type Student, specOf, viewOf } from './student.ts';

export interface StudentsOptions {
  settings: Settings;
  store: Store;
  environments: Environments;
  edge: Edge;
  clock: Clock;
  log: Log;
}

/** Key of the stored limit of homes that was applied last. */
const HOME_LIMIT_KEY = 'homeLimit';

/** Reports the progress of operations that no command waits for. */
function logProgress(log: Log): Progress {
  return {
    step: (_id, text) => log.info(text),
    done: (_id, text) => log.info(text),
    warn: (text) => log.warn(text),
  };
}

export class Students {
  /** Create, start, stop, restart and remove. */
  readonly lifecycle: Lifecycle;
  readonly #deps: LifecycleDeps;
  readonly #deadPorts: DeadPorts;
  readonly #relayAddresses: RelayAddresses;
  readonly #progress: Progress;
  readonly #store: Store;
  readonly #closing = new AbortController();

  constructor({ store, ...options }: StudentsOptions) {
    const { settings, edge, log, clock } = options;
    const roster = new Roster(store);
    const routes = new Routes({
      edge,
      rules: { ...settings.times, links: settings.links },
      clock,
      log,
      onChange: (name) => this.#reconcile(name),
      saveMemory: (name, routeMemory) => {
        const student = roster.find(name);
        if (student !== undefined) roster.update(student, { routeMemory });
      },
    });
    const sockets = createAgentSockets({
      clock,
      log,
      onReport: (name, report) => agentSync.onReport(name, report),
      onConnection: (name) => agentSync.onConnection(name),
    });
    const heartbeats = new Heartbeats(clock);
    const network = { problem: null };
    const { environments } = options;
    const egress = new EgressControl({ store, environments, setting: settings.egress });
    const agentSync = new AgentSync({ ...options, roster, routes, sockets, heartbeats, network, egress });
    this.#deps = { ...options, store, roster, routes, sockets, heartbeats, network, egress, agentSync };
    this.lifecycle = new Lifecycle(this.#deps);
    this.#deadPorts = new DeadPorts({
      ...this.#deps,
      lifecycle: this.lifecycle,
      onRepair: (name) => void this.#relayAddresses.refresh(name),
    });
    this.#relayAddresses = new RelayAddresses(this.#deps);
    this.#progress = logProgress(log);
    this.#store = store;
  }

  /** Continues where the previous daemon stopped. Resolves as soon as the API can be served. */
  async open(): Promise<void> {
    const { environments, log, settings, roster, routes, egress } = this.#deps;
    const { signal } = this.#closing;
    roster.load();
    await this.lifecycle.recover(this.#progress);
    await egress
      .apply()
      .catch((err) => log.error({ err }, 'could not apply what students reach; the next check tries again'));
    routes.start();
    environments.findImage().catch((err) => log.warn({ err }, 'could not find the student image'));
    void this.#resume();
    void watchSilentAgents({
      ...this.#deps,
      restartAfterMs: settings.times.restart * 1000,
      closeAfterMs: settings.times.lease * 1000,
      signal,
    });
    void this.#deadPorts.watch(signal);
    environments
      .watch((change) => this.#onEnvironmentChange(change), signal)
      .catch((err) => log.error({ err }, 'no longer watching the Docker engine'));
  }

  async #resume(): Promise<void> {
    try {
      await this.lifecycle.resume(this.#progress, this.#closing.signal);
      await this.#relayAddresses.refreshAll();
      await this.#applyHomeLimit();
    } catch (err) {
      this.#deps.log.error({ err }, 'could not resume the students');
    }
  }

  /** Once for each value of the setting: a helper runs for each student. */
  async #applyHomeLimit(): Promise<void> {
    const { home } = this.#deps.settings.limits;
    if (this.#store.recall(HOME_LIMIT_KEY) === home) return;
    await this.lifecycle.applyHomeLimit();
    this.#store.remember(HOME_LIMIT_KEY, home);
  }

  #reconcile(name: string): void {
    const student = this.#deps.roster.find(name);
    if (student !== undefined) this.#deps.agentSync.reconcile(student);
  }

  #onEnvironmentChange(change: EnvironmentChange): void {
    const { log, roster, agentSync, clock } = this.#deps;
    switch (change.kind) {
      case 'engine-disconnected':
        log.warn('the Docker engine does not respond');
        return;
      case 'engine-connected':
        log.info('the Docker engine responds again');
        void this.#resume();
        return;
      case 'network':
        this.#deps.agentSync.onNetworkProblem(change.problem);
        // Students who could not start without the firewall.
        if (change.problem === null) void this.#resume();
        return;
      case 'out-of-memory': {
        const student = roster.find(change.student);
        const { limitBytes, peakBytes } = change;
        if (student !== undefined)
          agentSync.onMemoryKill(student, { at: clock.now(), limitBytes, peakBytes });
        return;
      }
      case 'started':
      case 'stopped':
      case 'removed': {
        const student = roster.find(change.student);
        const states = { started: 'running', stopped: 'stopped', removed: 'missing' } as const;
        if (student !== undefined) agentSync.onEnvironmentState(student, states[change.kind]);
        if (change.kind === 'started') void this.#relayAddresses.refresh(change.student);
        else this.#relayAddresses.forget(change.student);
      }
    }
  }

  /** All students except those that are being created or removed. */
  list(): StudentView[] {
    return this.#deps.roster
      .all()
      .filter((student) => student.row.state.kind === 'present')
      .map((student) => viewOf(student, this.#deps));
  }

  /** Throws `not-found`. */
  get(name: string): StudentView {
    return viewOf(this.#deps.roster.get(name), this.#deps);
  }

  /** Opens the link until the student's next session ends. `adopt` takes over what the hostname has at the edge. */
  openLink(name: string, adopt: boolean): StudentView {
    const student = this.#deps.roster.get(name);
    this.#requireRunning(student);
    return this.#override(student, 'open', adopt);
  }

  /** Closes the link until the student's next session begins. */
  closeLink(name: string): StudentView {
    return this.#override(this.#deps.roster.get(name), 'close', false);
  }

  #override(student: Student, override: 'open' | 'close', adopt: boolean): StudentView {
    this.#deps.routes.override(student.row.name, override, adopt);
    this.#deps.agentSync.reconcile(student);
    return viewOf(student, this.#deps);
  }

  /** Compares desired and observed state at the edge, and with `repair` repairs the drift. Throws `edge`. */
  async sync(repair: boolean): Promise<Drift[]> {
    return [...(await this.#deps.routes.sync(repair))];
  }

  /** How to reach the environment's `sshd -i`. Throws `not-found`, or `environment` if it does not run. */
  access(name: string): AccessInfo {
    const student = this.#deps.roster.get(name);
    this.#requireRunning(student);
    return this.#deps.environments.access(specOf(student.row, this.#deps.edge));
  }

  /** What the environment has printed, newest `lines`, as log lines. Throws `not-found`. */
  async environmentLog(name: string, lines: number): Promise<LogLine[]> {
    const { row } = this.#deps.roster.get(name);
    const printed = await this.#deps.environments.logs(row.name, lines);
    return printed.map(({ at, text }) => ({ at, level: 'info', student: name, text: `printed: ${text}` }));
  }

  /** What each student reaches. */
  get egress(): EgressPolicy {
    return this.#deps.egress.policy;
  }

  /** Sets what the class, or with a name one student, reaches. Throws `not-found`, or `network` if it failed. */
  async setEgress(name: string | null, egress: Egress): Promise<EgressPolicy> {
    const { roster, agentSync, log } = this.#deps;
    const student = name === null ? null : roster.get(name).row.name;
    log.info({ student, egress }, 'changing what students reach');
    await this.#deps.egress.set(student, egress);
    for (const each of roster.all()) agentSync.reconcile(each);
    return this.egress;
  }

  /** The checks of `devenv doctor`. */
  async diagnose(): Promise<Diagnostic[]> {
    return [this.#deadPorts.diagnose(), await diagnoseRelayAccess(this.#deps.roster)];
  }

  #requireRunning({ row: { name }, environment }: Student): void {
    if (environment === 'running') return;
    throw new DevenvError({
      code: 'environment',
      what: `${name}'s environment is not running.`,
      next: `Start it with \`devenv start ${name}\`.`,
    });
  }

  /** Ends the work of this process. Environments and published links stay as they are. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#deps.heartbeats.stop();
    await this.#deps.routes.stop();
    await this.#deps.sockets.stop();
  }
}
