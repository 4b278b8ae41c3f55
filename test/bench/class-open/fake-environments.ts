/** Environments without containers, as the orchestrator sees them. Everything beyond is the real orchestrator. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type {
  EnvironmentChange,
  EnvironmentSpec,
  Environments,
  ObservedEnvironment,
} from '../../../orchestrator/environments/types.ts';
import type { FromWorker, ToWorker } from './fake-worker.ts';

export class FakeEnvironments implements Environments {
  readonly #stateDir: string;
  readonly #instance: string;
  readonly #worker = new Worker(new URL('fake-worker.ts', import.meta.url));
  readonly #starting = new Map<string, () => void>();
  readonly #running = new Set<string>();

  /** `onNotice` gets each notice of a student's terminal, with its time in ms since 1970. */
  constructor(
    stateDir: string,
    instance: string,
    onNotice: (student: string, notice: string, at: number) => void,
  ) {
    this.#stateDir = stateDir;
    this.#instance = instance;
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'notice') onNotice(message.student, message.notice, message.at);
      else this.#starting.get(message.student)?.();
    });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** The students start a server in a terminal, or leave with `exit`. */
  be(students: readonly string[], isIn: boolean): void {
    this.#post({ kind: 'be', students, isIn });
  }

  async claimInstance(): Promise<void> {}
  async prepare(): Promise<void> {}
  async findImage(): Promise<void> {}
  async applyHomeLimit(): Promise<void> {}
  readonly currentImage = null;

  update(): never {
    throw new Error('this class is never updated');
  }

  async create(spec: EnvironmentSpec): Promise<{ newHome: boolean }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#starting.set(spec.student, resolve);
    const folder = this.socketDir(spec.socketId);
    this.#post({ kind: 'start', spec, folder, instance: this.#instance });
    await promise;
    this.#running.add(spec.student);
    return { newHome: true };
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async remove(student: string): Promise<void> {
    this.#post({ kind: 'stop', student });
    this.#running.delete(student);
  }

  async list(): Promise<ObservedEnvironment[]> {
    return [...this.#running].map((student) => ({ student, state: 'running', home: true, image: null }));
  }

  async freeUid(taken: ReadonlySet<number>): Promise<number> {
    return 20_000 + taken.size;
  }

  async repairPort(): Promise<boolean> {
    return false;
  }

  async relayAddress(): Promise<null> {
    return null;
  }

  async restartAgent(): Promise<void> {}

  access(): never {
    throw new Error('a fake environment has no shell');
  }

  async setEgress(): Promise<void> {}

  async logs(): Promise<[]> {
    return [];
  }

  socketDir(socketId: string): string {
    return join(this.#stateDir, 'a', socketId);
  }

  async watch(_onChange: (change: EnvironmentChange) => void, signal: AbortSignal): Promise<void> {
    await once(signal, 'abort');
  }

  async diagnose(): Promise<[]> {
    return [];
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
