/**
 * A student's life: created, started, stopped, removed, and made right again after a crash. Every step is
 * written down before it is taken, so that the next start can finish or undo what a killed daemon left.
 */

import type { Heartbeats } from '../agents/heartbeats.ts';
import type { AgentSockets } from '../agents/index.ts';
import type { Progress } from '../domain.ts';
import type { Edge } from '../edges/edge.ts';
import type { Environments } from '../environments/types.ts';
import type { Problem } from '../errors.ts';
import { KeyedMutex } from '../keyed-mutex.ts';
import type { Log } from '../log.ts';
import type { Routes } from '../routes/index.ts';
import type { Settings } from '../settings-schema.ts';
import type { AgentSync } from './agent-sync.ts';
import { furtherLink, newHostname } from './hostnames.ts';
import { registerStudent } from './registration.ts';
import { updateHostnames } from './renaming.ts';
import { type Roster, routeOf, type Student, specOf } from './roster.ts';

export interface LifecycleDeps {
  settings: Settings;
  roster: Roster;
  environments: Environments;
  sockets: AgentSockets;
  lease: Heartbeats;
  routes: Routes;
  edge: Edge;
  conversation: AgentSync;
  log: Log;
}

/** What is told of a removal that does not wait for the edge. True only once the environment is gone. */
const leftWords = ({ name, hostname }: Student['row'], problem: Problem) =>
  `${name}'s link leads nowhere any more, but what the edge has of ${hostname} may still stand (rule, DNS record): ${problem.what} ${problem.next} What is left goes by itself once nothing is in the way; \`devenv sync\` tries it at once`;

export class Lifecycle {
  readonly #parts: LifecycleDeps;
  readonly #queue = new KeyedMutex();

  constructor(parts: LifecycleDeps) {
    this.#parts = parts;
  }

  #spec(student: Student) {
    return specOf(student.row, this.#parts.edge.url(student.row.hostname));
  }

  /** Everything or nothing: on failure and on abort all that was made is gone again. */
  create(name: string, progress: Progress, signal: AbortSignal): Promise<Student> {
    return this.#queue.run(name, async () => {
      await this.#finishUndoing(name);
      const hostname = await newHostname(name, this.#parts);
      const { environments, roster, sockets } = this.#parts;
      await environments.prepare(progress, signal);
      signal.throwIfAborted();
      const student = await this.#queue.run(' ports', () => registerStudent(name, hostname, this.#parts));
      try {
        await sockets.open(name, environments.socketDir(student.row.socketId));
        await environments.create(this.#spec(student), progress, signal);
        signal.throwIfAborted();
      } catch (error) {
        await this.#undo(student);
        throw error;
      }
      roster.update(student, { state: { kind: 'present' } });
      this.#take(student);
      this.#parts.log.info({ student: name, port: student.row.port }, 'created');
      await this.#look(student);
      return student;
    });
  }

  /** Undoes a creation, as far as it got. A home that stood before stays. */
  async #undo(student: Student): Promise<void> {
    const { environments, sockets, roster } = this.#parts;
    const keepsHome = student.row.state.kind === 'creating' && student.row.state.keepsHome;
    await environments.remove(student.row.name, keepsHome);
    await sockets.close(student.row.name);
    roster.delete(student);
  }

  /** A creation that could not be undone when it failed, because the engine was away, is undone first. */
  async #finishUndoing(name: string): Promise<void> {
    const student = this.#parts.roster.find(name);
    if (student?.row.state.kind === 'creating') await this.#undo(student);
  }

  /** The student is there: their route may be wanted from now on. */
  #take(student: Student): void {
    const linkFor = (port: number) => furtherLink(student, port, this.#parts);
    this.#parts.routes.register(routeOf(student.row), student.row.routeMemory, linkFor);
  }

  /** Sees what the engine has of the student, and lets that count. */
  async #look(student: Student): Promise<void> {
    const { environments } = this.#parts;
    const actual = (await environments.list()).find((each) => each.student === student.row.name);
    this.setContainerState(student, actual?.state ?? 'missing');
  }

  /** The environment's state has changed; a report from before it stopped says nothing any more. */
  setContainerState(student: Student, state: Student['environment']): void {
    const { lease } = this.#parts;
    if (state !== 'running') {
      student.report = null;
      lease.forget(student.row.name);
    } else if (student.environment !== 'running') lease.record(student.row.name);
    student.environment = state;
    this.#parts.conversation.reconcile(student);
  }

  start(name: string, progress: Progress, signal: AbortSignal): Promise<Student> {
    return this.#queue.run(name, () => this.#start(name, progress, signal));
  }

  async #start(name: string, progress: Progress, signal: AbortSignal): Promise<Student> {
    const { roster, environments } = this.#parts;
    const student = roster.get(name);
    await environments.prepare(progress, signal);
    await environments.start(this.#spec(student), progress, signal);
    roster.update(student, { shouldRun: true });
    await this.#look(student);
    return student;
  }

  stop(name: string, progress: Progress): Promise<Student> {
    return this.#queue.run(name, () => this.#stop(name, progress));
  }

  async #stop(name: string, progress: Progress): Promise<Student> {
    const { roster, environments } = this.#parts;
    const student = roster.get(name);
    roster.update(student, { shouldRun: false });
    progress.step('stop', `Stopping ${name}'s environment`);
    await environments.stop(name);
    progress.done('stop', `${name}'s environment is stopped`);
    await this.#look(student);
    return student;
  }

  restart(name: string, progress: Progress, signal: AbortSignal): Promise<Student> {
    return this.#queue.run(name, async () => {
      await this.#stop(name, progress);
      return this.#start(name, progress, signal);
    });
  }

  /** Closes the route first, so that nothing leads to a port that somebody else may get. */
  remove(name: string, keepHome: boolean, progress: Progress): Promise<void> {
    return this.#queue.run(name, async () => {
      const student = this.#parts.roster.get(name);
      this.#parts.roster.update(student, {
        state: { kind: 'removing', keepsHome: keepHome },
      });
      await this.#finishRemoval(student, keepHome, progress);
    });
  }

  async #finishRemoval(student: Student, keepHome: boolean, progress: Progress): Promise<void> {
    const { routes, environments, sockets, roster, conversation, lease } = this.#parts;
    const { name } = student.row;
    progress.step('route', `Closing ${name}'s link`);
    const left = await routes.unregister(name);
    if (left === null) progress.done('route', `${name}'s link is closed`);
    progress.step('environment', `Removing ${name}'s environment`);
    await environments.remove(name, keepHome);
    await sockets.close(name);
    roster.delete(student);
    this.#parts.log.info({ student: name, keepHome }, 'removed');
    conversation.forget(name);
    lease.forget(name);
    progress.done('environment', keepHome ? `${name} is removed; the home is kept` : `${name} is removed`);
    if (left !== null) progress.warn(leftWords(student.row, left));
  }

  /**
   * After a start of the daemon: finishes what was begun, and listens for every agent again. The state of each
   * environment is known before its route is taken up, so that a restart closes nobody's link.
   */
  async recover(progress: Progress): Promise<void> {
    updateHostnames(this.#parts);
    this.#parts.edge.onHostnamesKnown(() => this.#renew());
    const actual = await this.#parts.environments.list();
    await this.#forEach('recover', async (student) => {
      const { name, state, socketId } = student.row;
      student.environment = actual.find((each) => each.student === name)?.state ?? 'missing';
      if (student.environment === 'running') this.#parts.lease.record(name);
      if (state.kind === 'present') {
        this.#take(student);
        await this.#parts.sockets.open(name, this.#parts.environments.socketDir(socketId));
        this.#parts.conversation.reconcile(student);
      } else {
        if (state.kind === 'removing') this.#take(student);
        await this.#finish(student, progress);
      }
    });
  }

  /** The edge knows its names only now: whoever has another one gets their route anew, with it. */
  #renew(): void {
    const { routes, conversation } = this.#parts;
    for (const student of updateHostnames(this.#parts)) {
      const { name, state } = student.row;
      if (state.kind !== 'present') continue;
      void routes.unregister(name);
      this.#take(student);
      conversation.reconcile(student);
    }
  }

  /** Finishes or undoes what was begun and cut off. */
  async #finish(student: Student, progress: Progress): Promise<void> {
    const { name, state } = student.row;
    switch (state.kind) {
      case 'creating':
        this.#parts.log.warn({ student: name }, 'undoing a creation that was cut off');
        return this.#undo(student);
      case 'removing':
        this.#parts.log.warn({ student: name }, 'finishing a removal that was cut off');
        return this.#finishRemoval(student, state.keepsHome, progress);
      case 'present':
    }
  }

  /** Finishes what was cut off and starts whoever should run: after a start of the host, the engine, or the daemon. */
  async resume(progress: Progress, signal: AbortSignal): Promise<void> {
    await this.#forEach('resume', async (student) => {
      // Gone while this waited for its turn.
      if (this.#parts.roster.find(student.row.name) !== student) return;
      await this.#finish(student, progress);
      if (student.row.state.kind !== 'present') return;
      await this.#look(student);
      if (!student.row.shouldRun) return;
      if (student.environment === 'running') return;
      this.#parts.log.info({ student: student.row.name }, 'starting the environment again');
      await this.#start(student.row.name, progress, signal);
    });
  }

  /** One student's failure is logged and holds up nobody else. */
  async #forEach(what: string, task: (student: Student) => Promise<void>): Promise<void> {
    const { roster, log } = this.#parts;
    await Promise.all(
      roster.all().map(async (student) => {
        const { name } = student.row;
        try {
          await this.#queue.run(name, () => task(student));
        } catch (error) {
          log.error({ student: name, err: error }, `could not ${what} this student`);
        }
      }),
    );
  }
}
