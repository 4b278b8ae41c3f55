/** The connection to the orchestrator: whole state in both directions. It reconnects for as long as the agent runs. */
import { connect, type Socket } from 'node:net';
import {
  MAX_LINE_BYTES,
  REPORT_INTERVAL_MS,
  STATE_INTERVAL_MS,
} from '../../orchestrator/protocol/constants.ts';
import type { Report, StateMessage } from '../../orchestrator/protocol/messages.ts';

/** Backoff between two connection attempts. */
const MIN_RECONNECT_DELAY_MS = 100;
const MAX_RECONNECT_DELAY_MS = 2000;

/** Without a state for this long, an orchestrator that is still connected does not answer: it is paused or blocked. */
const STATE_TIMEOUT_MS = 3 * STATE_INTERVAL_MS;

export class OrchestratorConnection {
  readonly #path: string;
  readonly #onState: (state: StateMessage) => void;
  #socket: Socket | null = null;
  #reconnectDelayMs = MIN_RECONNECT_DELAY_MS;
  #report: Report | null = null;
  /** When it connected or sent its last state. */
  #heardAtMs = 0;

  /** `path`: the orchestrator's socket. */
  constructor(path: string, onState: (state: StateMessage) => void) {
    this.#path = path;
    this.#onState = onState;
  }

  start(): void {
    setInterval(() => this.#sendReport(), REPORT_INTERVAL_MS);
    this.#connect();
  }

  /** Whether the orchestrator is connected and answers. */
  get isReachable(): boolean {
    return this.#socket !== null && performance.now() - this.#heardAtMs < STATE_TIMEOUT_MS;
  }

  /** Sends the report now, as a heartbeat from then on, and after a reconnect. */
  send(report: Report): void {
    this.#report = report;
    this.#sendReport();
  }

  /** Replaces the report that the next heartbeat sends: grown ages need no message of their own. */
  setHeartbeat(report: Report): void {
    this.#report = report;
  }

  #sendReport(): void {
    if (this.#socket === null || this.#report === null || this.#socket.writableNeedDrain) return;
    this.#socket.write(`${JSON.stringify(this.#report)}\n`);
  }

  #connect(): void {
    const socket = connect(this.#path);
    let pending = '';
    socket.setEncoding('utf8');
    socket.once('connect', () => {
      this.#socket = socket;
      this.#heardAtMs = performance.now();
      this.#sendReport();
    });
    socket.on('data', (text: string) => {
      this.#reconnectDelayMs = MIN_RECONNECT_DELAY_MS;
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > MAX_LINE_BYTES) socket.destroy();
      // Each line is whole state: only the newest counts.
      const newest = lines.at(-1);
      if (newest !== undefined) this.#handleLine(newest);
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#socket = null;
      setTimeout(() => this.#connect(), this.#reconnectDelayMs);
      this.#reconnectDelayMs = Math.min(this.#reconnectDelayMs * 2, MAX_RECONNECT_DELAY_MS);
    });
  }

  #handleLine(line: string): void {
    try {
      const message = JSON.parse(line) as StateMessage;
      if (message.kind !== 'state') return;
      this.#heardAtMs = performance.now();
      this.#onState(message);
    } catch {
      // Not a state message. The next one replaces it.
    }
  }
}
