/**
 * One environment's socket. Every byte on it comes from that student's container and is hostile. A malformed, too long
 * or too frequent message ends the connection, and the socket then refuses new ones for a while. Other students are not affected.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import type { Clock } from '../clock.ts';
import { LineReader } from '../line-reader.ts';
import type { Log } from '../log.ts';
import {
  MAX_LINE_BYTES,
  PROTOCOL_VERSION,
  SOCKET_FILE_NAME,
  STATE_INTERVAL_MS,
} from '../protocol/constants.ts';
import { Report, type StateMessage } from '../protocol/messages.ts';
import { printableLine } from '../protocol/printable-text.ts';
import { type RateLimit, tryTake } from '../token-bucket.ts';

/** Far above what an agent sends (a report every 2 s and at every change), and far below what would slow the daemon. */
const BYTE_LIMIT: RateLimit = { burst: 2 * MAX_LINE_BYTES, refillMs: 1000 / (256 * 1024) };
const REPORT_LIMIT: RateLimit = { burst: 60, refillMs: 50 };
const MAX_CONNECTIONS = 4;

/** How long the socket refuses connections after an offense. It doubles with each offense, until `MAX_BAN_MS` pass without one. */
const FIRST_BAN_MS = 1000;
const MAX_BAN_MS = 60_000;

const reportChecker = Compile(Report);

export interface AgentSocketOptions {
  student: string;
  /** The folder that is mounted into the environment. */
  folder: string;
  log: Log;
  clock: Clock;
  onReport(report: Report): void;
  onConnection(isConnected: boolean): void;
}

/** Says what is wrong with a message that is no report. Contains no text of the message: it ends in the log. */
function describeFault(message: unknown, student: string): string {
  const { kind, protocol }: { kind?: unknown; protocol?: unknown } = Object(message);
  const isOtherVersion =
    kind === 'report' &&
    Number.isInteger(protocol) &&
    protocol !== PROTOCOL_VERSION &&
    Number(protocol) < 1e6;
  return isOtherVersion
    ? `its agent speaks protocol ${protocol}, this orchestrator speaks ${PROTOCOL_VERSION}: run \`devenv restart ${student}\``
    : 'it sent a line that is not a report';
}

/** The report with printable command lines, the only free text in it: they reach logs, terminals and pages. */
function cleanReport(report: Report): Report {
  const clean = <Item extends { command: string }>(item: Item): Item => ({
    ...item,
    command: printableLine(item.command),
  });
  const home = report.home && {
    ...report.home,
    largest: report.home.largest?.map(({ path, bytes }) => ({ path: printableLine(path), bytes })) ?? null,
  };
  return {
    ...report,
    listeners: report.listeners.map(clean),
    starting: report.starting.map(clean),
    ...(home === undefined ? {} : { home }),
  };
}

export class AgentSocket {
  readonly #options: AgentSocketOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** The newest connection that has sent a valid report. State messages go there. */
  #agent: Socket | null = null;
  /** The newest state message, as a line. */
  #stateLine: string | null = null;
  /** When it was last written, in monotonic ms. */
  #sentAtMs = 0;
  #isWaitingForDrain = false;
  /** When each token bucket is full again, in monotonic ms. */
  #paidAt = { bytes: 0, reports: 0 };
  #ban = { untilMs: 0, lengthMs: 0 };

  constructor(options: AgentSocketOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens in the folder. Replaces the socket file of an earlier daemon. */
  async open(): Promise<void> {
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true });
    // The student may traverse the folder and connect, but neither list nor write.
    chmodSync(folder, 0o711);
    const path = join(folder, SOCKET_FILE_NAME);
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    // Every container connects with a uid of its own. The host's users are stopped by the folder `agents/`, mode 0700.
    chmodSync(path, 0o666);
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const isBanned = this.#options.clock.monotonicMs() < this.#ban.untilMs;
    if (isBanned || this.#connections.size >= MAX_CONNECTIONS) {
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
    if (!this.#tryPay('bytes', data.length)) return this.#punish(socket, 'it sends more than is allowed');
    const lines = reader.push(data);
    if (lines === null) return this.#punish(socket, `it sent a line of over ${MAX_LINE_BYTES} bytes`);
    for (const line of lines) {
      if (!this.#tryPay('reports', 1)) return this.#punish(socket, 'it reports more often than is allowed');
      const fault = this.#handleLine(socket, line);
      if (fault !== null) return this.#punish(socket, fault);
    }
  }

  /** Takes tokens out of a bucket; false if too few are left. */
  #tryPay(bucket: 'bytes' | 'reports', amount: number): boolean {
    const limit = bucket === 'bytes' ? BYTE_LIMIT : REPORT_LIMIT;
    const paidAt = tryTake(this.#paidAt[bucket], amount, limit, this.#options.clock.monotonicMs());
    if (paidAt === null) return false;
    this.#paidAt[bucket] = paidAt;
    return true;
  }

  /** Passes a valid report on; returns what is wrong with any other line. */
  #handleLine(socket: Socket, line: string): string | null {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return 'it sent a line that is not JSON';
    }
    if (!reportChecker.Check(message)) return describeFault(message, this.#options.student);
    if (this.#agent !== socket) {
      const isFirst = this.#agent === null;
      this.#agent = socket;
      this.#isWaitingForDrain = false;
      if (isFirst) this.#options.onConnection(true);
      else this.#flush();
    }
    this.#options.onReport(cleanReport(message));
    if (this.#options.clock.monotonicMs() - this.#sentAtMs >= STATE_INTERVAL_MS) this.#flush();
    return null;
  }

  /** Ends all connections of the environment, and refuses new ones for a while. */
  #punish(socket: Socket, fault: string): void {
    const now = this.#options.clock.monotonicMs();
    const { untilMs, lengthMs: lastMs } = this.#ban;
    const isForgiven = lastMs === 0 || now > untilMs + MAX_BAN_MS;
    const lengthMs = isForgiven ? FIRST_BAN_MS : Math.min(lastMs * 2, MAX_BAN_MS);
    this.#ban = { untilMs: now + lengthMs, lengthMs };
    this.#options.log.warn(
      { student: this.#options.student },
      `disconnected the agent: ${fault}; refused for ${lengthMs / 1000} s`,
    );
    for (const each of this.#connections) each.destroy();
    this.#paidAt = { bytes: 0, reports: 0 };
    socket.destroy();
  }

  /** Whether a connection has sent a valid report and is still open. */
  get isConnected(): boolean {
    return this.#agent !== null;
  }

  /** Sends whole state. A slow reader gets only the newest state: nothing queues up for it. */
  send(message: StateMessage): void {
    this.#stateLine = `${JSON.stringify(message)}\n`;
    this.#flush();
  }

  #flush(): void {
    const agent = this.#agent;
    if (agent === null || this.#stateLine === null) return;
    if (agent.writableNeedDrain) {
      if (!this.#isWaitingForDrain) agent.once('drain', () => this.#flush());
      this.#isWaitingForDrain = true;
      return;
    }
    this.#isWaitingForDrain = false;
    this.#sentAtMs = this.#options.clock.monotonicMs();
    agent.write(this.#stateLine);
  }

  async close(): Promise<void> {
    for (const each of this.#connections) each.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
