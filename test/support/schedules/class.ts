/**
 * The class of one schedule: the students as the host's disk knows them, and the orchestrator's process that serves
 * them, which may be killed or stopped at any moment and takes them up again when it is back.
 */
import type { MockCloudflare } from '../../cloudflare/index.ts';
import { CloudflareRig, MemoryDisk, type RigOptions, simulatedLock } from '../cloudflare-rig.ts';
import { nameOf, STUDENTS } from './schedule.ts';

export interface Student {
  name: string;
  hostname: string;
  port: number;
  wanted: boolean;
}

/** No two students have one port, and each student may have one of several. */
const portOf = (student: number, choice: number) => 3001 + student + STUDENTS * choice;

/** A process that can't start is started again after that long, in ms. */
const RESTART_AFTER = 20;

export class Class {
  readonly students = new Map<number, Student>();
  /** When each process was killed, as the number of the newest call then. */
  readonly kills: number[] = [];
  readonly #mock: MockCloudflare;
  readonly #options: RigOptions;
  readonly #disk = new MemoryDisk();
  readonly #lock = simulatedLock();
  readonly #note: (text: string) => void;
  /** Lines of the log of each process that is gone. */
  readonly #logs: { level: number; msg: string; read?: number }[] = [];
  #rig: CloudflareRig | null = null;
  #killed = Promise.withResolvers<void>();
  #coming: Promise<void> = Promise.resolve();

  constructor(mock: MockCloudflare, options: RigOptions, note: (text: string) => void) {
    this.#mock = mock;
    this.#options = options;
    this.#note = note;
  }

  /** Resolves when the process that runs now is killed. */
  get killed(): Promise<void> {
    return this.#killed.promise;
  }

  get rig(): CloudflareRig | null {
    return this.#rig;
  }

  /** Whether a publication is under way, or was cut off. */
  get isPublishing(): boolean {
    return this.#disk.journalEntries().length > 0;
  }

  logs(): { level: number; msg: string; read?: number }[] {
    return [...this.#logs, ...(this.#rig?.log.lines() ?? [])];
  }

  hostnames(): string[] {
    return Array.from({ length: STUDENTS }, (_, student) => `${nameOf(student)}.${this.#mock.zoneName}`);
  }

  create(student: number, choice: number, wanted: boolean): void {
    if (this.students.has(student)) return;
    const name = nameOf(student);
    const hostname = `${name}.${this.#mock.zoneName}`;
    this.students.set(student, { name, hostname, port: portOf(student, choice), wanted });
    this.#rig?.hold(name, portOf(student, choice));
    this.#rig?.setDesired(name, wanted);
  }

  want(student: number, wanted: boolean): void {
    const found = this.students.get(student);
    if (found === undefined) return;
    found.wanted = wanted;
    this.#rig?.setDesired(found.name, wanted);
  }

  release(student: number): void {
    const found = this.students.get(student);
    if (found === undefined) return;
    this.students.delete(student);
    void this.#rig?.unregister(found.name);
  }

  /** SIGKILL; another process comes after a while. */
  kill(downMs: number): void {
    if (this.#rig === null) return;
    this.#note('KILLED');
    this.#logs.push(...this.#rig.log.lines());
    this.#rig.kill();
    this.#rig = null;
    this.#lock.free();
    this.kills.push(this.#mock.calls.length);
    this.#killed.resolve();
    this.#comeBack(downMs);
  }

  /** `devenv down` and `devenv up`. */
  restart(): void {
    const rig = this.#rig;
    if (rig === null) return;
    this.#rig = null;
    this.#note('stopped');
    this.#coming = this.#coming.then(async () => {
      await rig.stop();
      this.#logs.push(...rig.log.lines());
      await this.#start();
    });
  }

  #comeBack(downMs: number): void {
    this.#coming = this.#coming.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await this.#start();
    });
  }

  /** Starts the first process. */
  begin(): void {
    this.#coming = this.#start();
  }

  /** Resolves when a process runs. */
  async up(): Promise<CloudflareRig> {
    for (;;) {
      await this.#coming;
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
      // As the daemon does: all are held, with their wish of then, before anything is published.
      for (const { name, port, wanted } of this.students.values()) {
        rig.hold(name, port);
        rig.setDesired(name, wanted);
      }
      const started = rig.start().then(
        () => true,
        () => false,
      );
      const isUp = await Promise.race([started, this.killed.then(() => true)]);
      if (isUp) return;
      // A token that is refused: the daemon says so and ends; a person starts it again.
      this.#rig = null;
      await rig.stop();
      await new Promise((resolve) => setTimeout(resolve, RESTART_AFTER));
    }
  }

  async end(): Promise<void> {
    await this.#coming;
    await this.#rig?.stop();
  }
}
