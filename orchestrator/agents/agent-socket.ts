/**
 * One environment's socket. Whatever comes in on it is that student's, true or not; what is malformed, too long or
 * too much ends the connection, and who goes on like that is kept out for a while. Nobody else notices.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import type { Log } from '../log.ts';
import { MAX_LINE_BYTES } from '../protocol/constants.ts';
import { Report, type StateMessage } from '../protocol/messages.ts';
import { type RateLimit, tryTake } from '../token-bucket.ts';
import { LineReader } from './line-reader.ts';

/** An agent reports every 2 s and at every change: these are far above it, and far below what would slow the daemon. */
const BYTES: RateLimit = { burst: 2 * MAX_LINE_BYTES, refillMs: 1000 / (256 * 1024) };
const REPORTS: RateLimit = { burst: 60, refillMs: 50 };
const MAX_CONNECTIONS = 4;

/** How long the socket refuses after an offence, in ms; doubled by each further one, forgiven by a good minute. */
const FIRST_BAN = 1000;
const LONGEST_BAN = 60_000;

const checker = Compile(Report);

export interface AgentSocketOptions {
  student: string;
  /** The folder that is mounted into the environment. */
  folder: string;
  log: Log;
  onReport(report: Report): void;
  onConnection(connected: boolean): void;
}

export class AgentSocket {
  readonly #options: AgentSocketOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** The newest connection that has sent a valid report: messages go there. */
  #agent: Socket | null = null;
  #state: string | null = null;
  /** The agent reads slowly: the newest state goes out when it has read the last. */
  #isWaiting = false;
  /** Until when what it has sent is paid back; on the monotonic clock. */
  #paidAt = { bytes: 0, reports: 0 };
  #ban = { until: 0, length: 0 };

  constructor(options: AgentSocketOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens anew, whatever an earlier daemon has left there. */
  async open(): Promise<void> {
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true });
    // The student may pass through and connect, but neither list nor write.
    chmodSync(folder, 0o711);
    const path = join(folder, 'agent.sock');
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    chmodSync(path, 0o666);
  }

  #accept(socket: Socket): void {
    const now = performance.now();
    socket.on('error', () => socket.destroy());
    if (now < this.#ban.until || this.#connections.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    const reader = new LineReader(MAX_LINE_BYTES);
    socket.on('data', (data: Buffer) => this.#read(socket, reader, data));
    socket.on('close', () => {
      this.#connections.delete(socket);
      if (this.#agent !== socket) return;
      this.#agent = null;
      this.#options.onConnection(false);
    });
  }

  #read(socket: Socket, reader: LineReader, data: Buffer): void {
    const now = performance.now();
    if (!this.#pay('bytes', data.length, now)) return this.#refuse(socket, 'it sends more than is allowed');
    const lines = reader.push(data);
    if (lines === null) return this.#refuse(socket, `it sent a line of over ${MAX_LINE_BYTES} bytes`);
    for (const line of lines) {
      if (!this.#pay('reports', 1, now)) return this.#refuse(socket, 'it reports more often than is allowed');
      const fault = this.#take(socket, line);
      if (fault !== null) return this.#refuse(socket, fault);
    }
  }

  /** False where that is more than is left. */
  #pay(what: 'bytes' | 'reports', amount: number, now: number): boolean {
    const paidAt = tryTake(this.#paidAt[what], amount, what === 'bytes' ? BYTES : REPORTS, now);
    if (paidAt === null) return false;
    this.#paidAt[what] = paidAt;
    return true;
  }

  /** Takes a report in; returns what is wrong with the line, without a byte of it. */
  #take(socket: Socket, line: string): string | null {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return 'it sent what is not JSON';
    }
    if (!checker.Check(message)) return 'it sent what is no report';
    if (this.#agent !== socket) {
      const isFirst = this.#agent === null;
      this.#agent = socket;
      this.#isWaiting = false;
      if (isFirst) this.#options.onConnection(true);
      else this.#flush();
    }
    this.#options.onReport(message);
    return null;
  }

  /** Cuts a connection off, and keeps the environment out for a while: longer each time. */
  #refuse(socket: Socket, fault: string): void {
    const now = performance.now();
    const isForgiven = now > this.#ban.until + LONGEST_BAN;
    const length =
      isForgiven || this.#ban.length === 0 ? FIRST_BAN : Math.min(this.#ban.length * 2, LONGEST_BAN);
    this.#ban = { until: now + length, length };
    this.#options.log.warn(
      { student: this.#options.student },
      `cut off what connected as the agent: ${fault}; refused for ${length / 1000} s`,
    );
    for (const each of this.#connections) each.destroy();
    this.#paidAt = { bytes: 0, reports: 0 };
    socket.destroy();
  }

  /** Whether somebody is there who reports. */
  get isConnected(): boolean {
    return this.#agent !== null;
  }

  /** Sends whole state. A reader that is slow gets the newest only: nothing is queued behind it. */
  send(message: StateMessage): void {
    this.#state = `${JSON.stringify(message)}\n`;
    this.#flush();
  }

  #flush(): void {
    const agent = this.#agent;
    if (agent === null || this.#state === null) return;
    if (agent.writableNeedDrain) {
      if (!this.#isWaiting) agent.once('drain', () => this.#flush());
      this.#isWaiting = true;
      return;
    }
    this.#isWaiting = false;
    agent.write(this.#state);
  }

  async close(): Promise<void> {
    for (const each of this.#connections) each.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
