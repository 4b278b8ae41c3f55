/** A student of the soak: starts real dev servers and leaves at random, and says at any moment what the link must show. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pick, type Random } from '../cloudflare/seeded-random.ts';
import { GRACE_S } from '../matrix/classroom.ts';
import type { ClassroomStudent } from '../matrix/classroom-student.ts';
import type { Terminal } from '../support/terminal.ts';

/** `changing`: the link may show the page or be gone. */
export type ExpectedLink = 'page' | 'gone' | 'changing';

export interface SoakFigures {
  sessions: number;
  /** In seconds, one per start. */
  toLive: number[];
  /** In seconds, one per session. */
  toGone: number[];
  problems: string[];
}

/** Limits on a machine that is busy with a whole class. */
const MAX_TO_LIVE_S = 60;
const MAX_TO_GONE_S = 10;

/** Ranges of random pauses, with which the simulated students behave like people. */
const PAUSE_BEFORE_SESSION_MS = [0, 6000] as const;
const PAUSE_WHILE_SERVING_MS = [2000, 12_000] as const;
const PAUSE_IN_SECOND_TERMINAL_MS = [500, 3000] as const;

const RESTART_PROBABILITY = 0.3;
const SECOND_TERMINAL_PROBABILITY = 0.3;
const LOST_SESSION_PROBABILITY = 0.4;

const SERVERS: readonly [string, ...string[]] = [
  'cd ~/app && npm run dev',
  'cd ~/app && npm start -- --host',
  'cd ~/app && AS=5173 npm run dev',
  'cd ~/app && AS=4000 node server.js',
  'cd ~/vite && npm run dev',
  'cd ~/vite && npx vite --port 8080',
];

export class SoakStudent {
  readonly classroomStudent: ClassroomStudent;
  readonly figures: SoakFigures;
  readonly #random: Random;
  #expected: ExpectedLink = 'gone';

  constructor(classroomStudent: ClassroomStudent, random: Random, figures: SoakFigures) {
    this.classroomStudent = classroomStudent;
    this.#random = random;
    this.figures = figures;
  }

  /** What the link must show now. */
  get expected(): ExpectedLink {
    return this.#expected;
  }

  /** Has one session after the other until `until` (of `performance.now`). */
  async run(until: number): Promise<void> {
    const { name } = this.classroomStudent;
    while (performance.now() < until) {
      await this.#pause(PAUSE_BEFORE_SESSION_MS);
      try {
        await this.#session();
        this.figures.sessions += 1;
      } catch (error) {
        this.figures.problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        await this.classroomStudent.reset();
      }
      this.#expected = 'gone';
    }
  }

  #pause([fromMs, toMs]: readonly [number, number]): Promise<void> {
    return sleep(fromMs + this.#random() * (toMs - fromMs));
  }

  async #serve(terminal: Terminal, command: string): Promise<void> {
    this.#expected = 'changing';
    const typedAt = performance.now();
    terminal.type(`${command}\r`);
    const { name } = this.classroomStudent;
    const isOwnPage = (body: string) => body.includes(`app of ${name}`);
    this.figures.toLive.push(
      await this.classroomStudent.secondsUntilPage(isOwnPage, typedAt, MAX_TO_LIVE_S * 1000),
    );
    this.#expected = 'page';
    await this.#pause(PAUSE_WHILE_SERVING_MS);
  }

  async #interrupt(terminal: Terminal): Promise<void> {
    this.#expected = 'changing';
    terminal.type('\x03');
    await terminal.see(/\$ $/);
  }

  async #session(): Promise<void> {
    const terminal = await this.classroomStudent.openTerminal();
    await this.#serve(terminal, pick(this.#random, SERVERS));
    if (this.#random() < RESTART_PROBABILITY) {
      await this.#interrupt(terminal);
      await this.#serve(terminal, pick(this.#random, SERVERS));
    }
    if (this.#random() < SECOND_TERMINAL_PROBABILITY) {
      // A second terminal must not change anything.
      const second = await this.classroomStudent.openTerminal();
      await this.#pause(PAUSE_IN_SECOND_TERMINAL_MS);
      second.type('exit\r');
      await second.ended;
    }
    await this.#leave(terminal);
  }

  async #leave(terminal: Terminal): Promise<void> {
    const isLost = this.#random() < LOST_SESSION_PROBABILITY;
    if (isLost) {
      this.#expected = 'changing';
      process.kill(terminal.pid, 'SIGKILL');
    } else {
      await this.#interrupt(terminal);
      terminal.type(this.#random() < 0.5 ? 'exit\r' : '\x04');
    }
    const leftAt = performance.now();
    const graceSeconds = isLost ? GRACE_S : 0;
    const timeoutMs = (graceSeconds + MAX_TO_GONE_S) * 1000;
    const goneSeconds = await this.classroomStudent.secondsUntilGone(leftAt, timeoutMs);
    if (goneSeconds < graceSeconds - 1)
      throw new Error(
        `the link closed after ${goneSeconds.toFixed(1)} s, before the end of the grace period`,
      );
    this.figures.toGone.push(goneSeconds - graceSeconds);
    this.#expected = 'gone';
    await terminal.ended;
  }
}
