/**
 * The class of one schedule: the students as they are on the host's disk, and the orchestrator's process. It may be
 * killed or stopped at any moment; the next process registers the students again.
 */
import type { Clock } from '../../../orchestrator/clock.ts';
import type { MockCloudflare } from '../../cloudflare/index.ts';
import { CloudflareRig, MemoryDisk, type RigOptions, simulatedLock } from '../cloudflare-rig.ts';
import { nameOf, STUDENTS } from './schedule.ts';

export interface Student {
  name: string;
  hostname: string;
  port: number;
  isDesired: boolean;
}

/** No two students share a port; `choice` selects one of the student's ports. */
const portOf = (student: number, choice: number) => 3001 + student + STUDENTS * choice;

/** Pause before a process that could not start is started again. */
const RESTART_MS = 20;

export class SimulatedClass {
  readonly students = new Map<number, Student>();
  /** For each kill, how many calls there were by then. */
  readonly kills: number[] = [];
  readonly #mock: MockCloudflare;
  readonly #options: RigOptions & { clock: Clock };
  readonly #disk = new MemoryDisk();
  readonly #lock = simulatedLock();
  readonly #note: (text: string) => void;
  /** Log lines of the processes that have ended. */
  readonly #logs: { level: number; msg: string; read?: number }[] = [];
  #rig: CloudflareRig | null = null;
  #killed = Promise.withResolvers<void>();
  #starting: Promise<void> = Promise.resolve();

  constructor(mock: MockCloudflare, options: RigOptions & { clock: Clock }, note: (text: string) => void) {
    this.#mock = mock;
    this.#options = options;
    this.#note = note;
  }

  /** Resolves when the current process is killed. */
  get killed(): Promise<void> {
    return this.#killed.promise;
  }

  get rig(): CloudflareRig | null {
    return this.#rig;
  }

  /** Whether a run is in flight or was interrupted. */
  get isRunInFlight(): boolean {
    return this.#disk.journalEntries().length > 0;
  }

  logs(): { level: number; msg: string; read?: number }[] {
    return [...this.#logs, ...(this.#rig?.log.lines() ?? [])];
  }

  hostnames(): string[] {
    return Array.from({ length: STUDENTS }, (_, student) => `${nameOf(student)}.${this.#mock.zoneName}`);
  }

  create(student: number, choice: number, isDesired: boolean): void {
    if (this.students.has(student)) return;
    const name = nameOf(student);
    const hostname = `${name}.${this.#mock.zoneName}`;
    this.students.set(student, { name, hostname, port: portOf(student, choice), isDesired });
    this.#rig?.registerStudent(name, portOf(student, choice));
    this.#rig?.setDesired(name, isDesired);
  }

  setDesired(student: number, isDesired: boolean): void {
    const found = this.students.get(student);
    if (found === undefined) return;
    found.isDesired = isDesired;
    this.#rig?.setDesired(found.name, isDesired);
  }

  remove(student: number): void {
    const found = this.students.get(student);
    if (found === undefined) return;
    this.students.delete(student);
    void this.#rig?.unregister(found.name);
  }

  /** SIGKILL. Another process starts after `downMs`. */
  kill(downMs: number): void {
    if (this.#rig === null) return;
    this.#note('KILLED');
    this.#logs.push(...this.#rig.log.lines());
    this.#rig.kill();
    this.#rig = null;
    this.#lock.free();
    this.kills.push(this.#mock.calls.length);
    this.#killed.resolve();
    this.#startAfter(downMs);
  }

  /** `devenv down` and `devenv up`. */
  restart(): void {
    const rig = this.#rig;
    if (rig === null) return;
    this.#rig = null;
    this.#note('stopped');
    this.#starting = this.#starting.then(async () => {
      await rig.stop();
      this.#logs.push(...rig.log.lines());
      await this.#start();
    });
  }

  #startAfter(downMs: number): void {
    this.#starting = this.#starting.then(async () => {
      await this.#options.clock.sleep(downMs);
      await this.#start();
    });
  }

  /** Starts the first process. */
  start(): void {
    this.#starting = this.#start();
  }

  /** Resolves when a process runs. */
  async whenStarted(): Promise<CloudflareRig> {
    for (;;) {
      await this.#starting;
      if (this.#rig !== null) return this.#rig;
    }
  }

  async #start(): Promise<void> {
    while (this.#rig === null) {
      this.#killed = Promise.withResolvers();
      const rig = new CloudflareRig(this.#mock, {
        ...this.#options,
        disk: this.#disk,
        lock: this.#lock,
      });
      this.#rig = rig;
      this.#note('a process starts');
      // As the daemon does: all are registered, with their desired state, before the first run.
      for (const { name, port, isDesired } of this.students.values()) {
        rig.registerStudent(name, port);
        rig.setDesired(name, isDesired);
      }
      const started = rig.start().then(
        () => true,
        () => false,
      );
      const isUp = await Promise.race([started, this.killed.then(() => true)]);
      if (isUp) return;
      // The token was refused: the daemon reports it and ends, and a person starts it again.
      this.#rig = null;
      await rig.stop();
      await this.#options.clock.sleep(RESTART_MS);
    }
  }

  async stop(): Promise<void> {
    await this.#starting;
    await this.#rig?.stop();
  }
}
