/** The way to the orchestrator: whole state in both directions, tried again for ever. */
import { connect, type Socket } from 'node:net';
import type { Report, StateMessage } from '../../orchestrator/protocol/messages.ts';

/** Reports are repeated this often though nothing changed: the lease is kept by them. In ms. */
const REPEAT = 2000;
/** First and longest pause between two tries to connect, in ms. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** A state message is a few KB; more than this is none, in bytes. */
const MAX_STATE = 256 * 1024;

export class OrchestratorConnection {
  readonly #path: string;
  readonly #onState: (state: StateMessage) => void;
  #socket: Socket | null = null;
  #pause = FIRST_PAUSE;
  #report: Report | null = null;

  constructor(path: string, onState: (state: StateMessage) => void) {
    this.#path = path;
    this.#onState = onState;
    setInterval(() => this.#send(), REPEAT);
    this.#connect();
  }

  get connected(): boolean {
    return this.#socket !== null;
  }

  /** Sends now; kept for the repetition and for the next connection. */
  report(report: Report): void {
    this.#report = report;
    this.#send();
  }

  /** Keeps what a repetition would say, without sending it now: ages that have grown are no news. */
  keep(report: Report): void {
    this.#report = report;
  }

  #send(): void {
    if (this.#socket === null || this.#report === null || this.#socket.writableNeedDrain) return;
    this.#socket.write(`${JSON.stringify(this.#report)}\n`);
  }

  #connect(): void {
    const socket = connect(this.#path);
    let pending = '';
    socket.setEncoding('utf8');
    socket.once('connect', () => {
      this.#socket = socket;
      this.#send();
    });
    socket.on('data', (text: string) => {
      this.#pause = FIRST_PAUSE;
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > MAX_STATE) socket.destroy();
      // Whole state: only the newest counts.
      const newest = lines.at(-1);
      if (newest !== undefined) this.#take(newest);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#socket = null;
      setTimeout(() => this.#connect(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    });
  }

  #take(line: string): void {
    try {
      const message = JSON.parse(line) as StateMessage;
      if (message.kind === 'state') this.#onState(message);
    } catch {
      // Not the orchestrator's: whoever it is, the next whole state will do.
    }
  }
}
