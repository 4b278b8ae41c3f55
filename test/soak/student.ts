/** A student of the soak: comes, starts a real dev server, goes, at random, and says at any moment what must be so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClassroomStudent, TIMES } from '../matrix/classroom.ts';
import type { Terminal } from '../support/terminal.ts';

/** `changing`: both are right for now. */
export type Truth = 'page' | 'gone' | 'changing';

export interface Figures {
  sessions: number;
  /** Seconds. */
  toLive: number[];
  toGone: number[];
  problems: string[];
}

/** Seconds that a server may take to be live, and a link to be gone, on a machine that is busy with a whole class. */
const LATEST = { live: 60, gone: 10 };

const SERVERS = [
  'cd ~/app && npm run dev',
  'cd ~/app && npm start -- --host',
  'cd ~/app && AS=5173 npm run dev',
  'cd ~/app && AS=4000 node server.js',
  'cd ~/vite && npm run dev',
  'cd ~/vite && npx vite --port 8080',
];

const between = (random: () => number, from: number, to: number) => from + random() * (to - from);
const pick = <Item>(random: () => number, items: readonly [Item, ...Item[]]): Item =>
  items[Math.floor(random() * items.length)] ?? items[0];

export class SoakStudent {
  readonly classroomStudent: ClassroomStudent;
  readonly #random: () => number;
  readonly figures: Figures;
  truth: Truth = 'gone';

  constructor(classroomStudent: ClassroomStudent, random: () => number, figures: Figures) {
    this.classroomStudent = classroomStudent;
    this.#random = random;
    this.figures = figures;
  }

  async run(until: number): Promise<void> {
    while (performance.now() < until) {
      await sleep(between(this.#random, 0, 6000));
      try {
        await this.#session();
        this.figures.sessions += 1;
      } catch (error) {
        this.figures.problems.push(
          `${this.classroomStudent.name}: ${error instanceof Error ? error.message : String(error)}`,
        );
        await this.classroomStudent.tidy();
      }
      this.truth = 'gone';
    }
  }

  async #serve(terminal: Terminal, command: string): Promise<void> {
    this.truth = 'changing';
    const typed = performance.now();
    terminal.type(`${command}\r`);
    const isOwn = (body: string) => body.includes(`app of ${this.classroomStudent.name}`);
    this.figures.toLive.push(await this.classroomStudent.untilPage(isOwn, typed, LATEST.live * 1000));
    this.truth = 'page';
    await sleep(between(this.#random, 2000, 12_000));
  }

  async #interrupt(terminal: Terminal): Promise<void> {
    this.truth = 'changing';
    terminal.type('\x03');
    await terminal.see(/\$ $/);
  }

  async #session(): Promise<void> {
    const terminal = await this.classroomStudent.open();
    const commands = SERVERS as [string, ...string[]];
    await this.#serve(terminal, pick(this.#random, commands));
    if (this.#random() < 0.3) {
      await this.#interrupt(terminal);
      await this.#serve(terminal, pick(this.#random, commands));
    }
    if (this.#random() < 0.3) {
      // A second terminal that comes and goes changes nothing.
      const second = await this.classroomStudent.open();
      await sleep(between(this.#random, 500, 3000));
      second.type('exit\r');
      await second.ended;
    }
    await this.#leave(terminal);
  }

  async #leave(terminal: Terminal): Promise<void> {
    const isLost = this.#random() < 0.4;
    if (isLost) {
      this.truth = 'changing';
      process.kill(terminal.pid, 'SIGKILL');
    } else {
      await this.#interrupt(terminal);
      terminal.type(this.#random() < 0.5 ? 'exit\r' : '\x04');
    }
    const left = performance.now();
    const grace = isLost ? TIMES.grace : 0;
    const gone = await this.classroomStudent.untilGone(left, (grace + LATEST.gone) * 1000);
    if (gone < grace - 1) throw new Error(`gone after ${gone.toFixed(1)} s, before the grace was over`);
    this.figures.toGone.push(gone - grace);
    this.truth = 'gone';
    await terminal.ended;
  }
}
