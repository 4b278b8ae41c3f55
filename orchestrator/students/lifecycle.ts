/**
 * Creates, starts, stops and removes students, one operation per student at a time. Each step is stored before it is
 * taken, so that the next start of the daemon can finish or undo what an interrupted operation left.
 */

import type { Progress } from '../domain.ts';
import type { Environments, StartOptions } from '../environments/types.ts';
import { problemOf } from '../errors.ts';
import { KeyedMutex } from '../keyed-mutex.ts';
import type { Store } from '../store/index.ts';
import type { StudentView } from '../student-view.ts';
import type { AgentSync, AgentSyncDeps } from './agent-sync.ts';
import type { EgressControl } from './egress.ts';
import { additionalRoute, newHostname, updateHostnames } from './hostnames.ts';
import { giveMissingUids, newRelayKey, registerStudent } from './registration.ts';
import { removeStudent } from './removal.ts';
import { routeOf, type Student, specOf, viewOf } from './student.ts';

export interface LifecycleDeps extends AgentSyncDeps {
  environments: Environments;
  agentSync: AgentSync;
  egress: EgressControl;
  store: Store;
}

/** Key of the lock under which ports and uids are chosen. No student's name contains a space. */
const PORTS = 'choose port';

export class Lifecycle {
  readonly #deps: LifecycleDeps;
  readonly #mutex = new KeyedMutex();

  constructor(deps: LifecycleDeps) {
    this.#deps = deps;
  }

  /** All or nothing: a failure or an abort removes everything that was created. */
  create(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#mutex.run(name, async () => {
      await this.#undoEarlierCreation(name);
      const hostname = await newHostname(name, this.#deps);
      const { environments, roster, sockets, edge, log } = this.#deps;
      roster.requireRoomFor(name);
      await environments.prepare(progress, signal);
      signal.throwIfAborted();
      const student = await this.#mutex.run(PORTS, () => registerStudent(name, hostname, this.#deps));
      try {
        await sockets.open(name, environments.socketDir(student.row.socketId));
        await environments.create(specOf(student.row, edge), progress, signal);
        signal.throwIfAborted();
      } catch (error) {
        await this.#undoCreation(student);
        throw error;
      }
      roster.update(student, { state: { kind: 'present' } });
      this.#register(student);
      log.info({ student: name, port: student.row.port }, 'created');
      await this.#observe(student);
      return viewOf(student, this.#deps);
    });
  }

  start(name: string, options: StartOptions, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#mutex.run(name, async () => {
      const student = this.#deps.roster.get(name);
      await this.#start(student, progress, signal, options);
      return viewOf(student, this.#deps);
    });
  }

  stop(name: string, progress: Progress): Promise<StudentView> {
    return this.#mutex.run(name, async () => {
      const student = this.#deps.roster.get(name);
      await this.#stop(student, progress, { shouldRun: false });
      return viewOf(student, this.#deps);
    });
  }

  restart(name: string, progress: Progress, signal: AbortSignal): Promise<StudentView> {
    return this.#mutex.run(name, async () => {
      const student = this.#deps.roster.get(name);
      await this.#stop(student, progress, { shouldRun: true });
      await this.#start(student, progress, signal);
      return viewOf(student, this.#deps);
    });
  }

  /** Repairs the port of the student's environment on the host. Resolves to whether a repair was needed. */
  repairPort(name: string): Promise<boolean> {
    return this.#mutex.run(name, async () => {
      const student = this.#deps.roster.find(name);
      if (student?.environment !== 'running') return false;
      return this.#deps.environments.repairPort(name, student.row.port);
    });
  }

  remove(name: string, keepHome: boolean, progress: Progress): Promise<void> {
    return this.#mutex.run(name, async () => {
      const { roster } = this.#deps;
      const student = roster.get(name);
      roster.update(student, { state: { kind: 'removing', keepsHome: keepHome } });
      await removeStudent(student, keepHome, progress, this.#deps);
    });
  }

  async #start(
    student: Student,
    progress: Progress,
    signal: AbortSignal,
    options: StartOptions = { newHome: false },
  ): Promise<void> {
    const { roster, environments, edge } = this.#deps;
    try {
      await environments.prepare(progress, signal);
      if (student.row.relayKey === null) await this.#giveRelayKey(student);
      await environments.start(specOf(student.row, edge), progress, signal, options);
    } catch (error) {
      student.startProblem = signal.aborted ? null : problemOf(error);
      throw error;
    }
    student.startProblem = null;
    roster.update(student, { shouldRun: true });
    await this.#observe(student);
  }

  /** Environments of earlier versions check no key. A stopped one is replaced when it starts. */
  async #giveRelayKey(student: Student): Promise<void> {
    await this.#observe(student);
    if (student.environment === 'running') return;
    this.#deps.roster.update(student, { relayKey: newRelayKey() });
    this.#replaceRoute(student);
  }

  /** `shouldRun`: whether a later `resume` starts the environment again. */
  async #stop(student: Student, progress: Progress, { shouldRun }: { shouldRun: boolean }): Promise<void> {
    const { name } = student.row;
    this.#deps.roster.update(student, { shouldRun });
    student.startProblem = null;
    progress.step('stop', `Stopping ${name}'s environment`);
    await this.#deps.environments.stop(name);
    progress.done('stop', `${name}'s environment is stopped`);
    await this.#observe(student);
  }

  /** Removes what a creation has made so far. A home that existed before is kept. */
  async #undoCreation(student: Student): Promise<void> {
    const { environments, sockets, roster } = this.#deps;
    const keepsHome = student.row.state.kind === 'creating' && student.row.state.keepsHome;
    await environments.remove(student.row.name, keepsHome);
    await sockets.close(student.row.name);
    roster.delete(student);
  }

  /** A creation that failed while the engine was unreachable could not be undone then. */
  async #undoEarlierCreation(name: string): Promise<void> {
    const student = this.#deps.roster.find(name);
    if (student?.row.state.kind === 'creating') await this.#undoCreation(student);
  }

  #register(student: Student): void {
    this.#deps.routes.register(routeOf(student.row), student.row.routeMemory, (port) =>
      additionalRoute(student, port, this.#deps),
    );
  }

  /** Reads the environment's state from the engine. */
  async #observe(student: Student): Promise<void> {
    const { environments, agentSync } = this.#deps;
    const observed = (await environments.list()).find((each) => each.student === student.row.name);
    student.image = observed?.image ?? null;
    agentSync.onEnvironmentState(student, observed?.state ?? 'missing');
  }

  /**
   * Registers every student after a start of the daemon, and finishes interrupted operations. The environments' states
   * are read first, so that a restart of the daemon closes no link.
   */
  async recover(progress: Progress): Promise<void> {
    const { environments, sockets, heartbeats, agentSync, edge } = this.#deps;
    updateHostnames(this.#deps);
    edge.onHostnamesKnown(() => this.#replaceRenamedRoutes());
    await giveMissingUids(this.#deps);
    const observed = await environments.list();
    await this.#forEach('recover', async (student) => {
      const { name, state, socketId } = student.row;
      const environment = observed.find((each) => each.student === name);
      student.environment = environment?.state ?? 'missing';
      student.image = environment?.image ?? null;
      if (student.environment === 'running') heartbeats.record(name);
      if (state.kind !== 'creating') this.#register(student);
      if (state.kind === 'present') {
        await sockets.open(name, environments.socketDir(socketId));
        agentSync.reconcile(student);
      }
      await this.#finishInterrupted(student, progress);
    });
  }

  /** Finishes interrupted operations and starts every environment that should run, e.g. after a reboot of the host. */
  async resume(progress: Progress, signal: AbortSignal): Promise<void> {
    const { roster, log } = this.#deps;
    await this.#forEach('resume', async (student) => {
      const { name } = student.row;
      // Removed while this operation waited for the lock.
      if (roster.find(name) !== student) return;
      await this.#finishInterrupted(student, progress);
      if (student.row.state.kind !== 'present') return;
      await this.#observe(student);
      if (!student.row.shouldRun || student.environment === 'running') return;
      log.info({ student: name }, 'starting the environment again');
      await this.#start(student, progress, signal);
    });
  }

  /** Applies the limit of homes to every student who works. The others get it at their next start. */
  async applyHomeLimit(): Promise<void> {
    const { environments, edge } = this.#deps;
    await this.#forEach('apply the limit of homes to', async (student) => {
      if (student.row.state.kind !== 'present' || student.environment !== 'running') return;
      await environments.applyHomeLimit(specOf(student.row, edge));
    });
  }

  /** The edge knows the hostnames now: students with another one get a new route. */
  #replaceRenamedRoutes(): void {
    for (const student of updateHostnames(this.#deps)) {
      if (student.row.state.kind === 'present') this.#replaceRoute(student);
    }
  }

  #replaceRoute(student: Student): void {
    void this.#deps.routes.unregister(student.row.name);
    this.#register(student);
    this.#deps.agentSync.reconcile(student);
  }

  async #finishInterrupted(student: Student, progress: Progress): Promise<void> {
    const { name, state } = student.row;
    switch (state.kind) {
      case 'creating':
        this.#deps.log.warn({ student: name }, 'undoing an interrupted creation');
        return this.#undoCreation(student);
      case 'removing':
        this.#deps.log.warn({ student: name }, 'finishing an interrupted removal');
        return removeStudent(student, state.keepsHome, progress, this.#deps);
      case 'present':
    }
  }

  /** Runs the task for every student under its lock. A failure is logged and does not affect other students. */
  async #forEach(what: string, task: (student: Student) => Promise<void>): Promise<void> {
    const { roster, log } = this.#deps;
    const runTask = async (student: Student) => {
      const { name } = student.row;
      try {
        await this.#mutex.run(name, () => task(student));
      } catch (error) {
        log.error({ student: name, err: error }, `could not ${what} this student`);
      }
    };
    await Promise.all(roster.all().map(runTask));
  }
}
