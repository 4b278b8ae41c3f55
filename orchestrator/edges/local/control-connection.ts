/** The daemon's connection to the edge process. */
import { connect, type Socket } from 'node:net';
import { Check } from 'typebox/value';
import type { Clock } from '../../clock.ts';
import { LineReader } from '../../line-reader.ts';
import { type EdgeRequest, MAX_CONTROL_LINE_BYTES } from './control-messages.ts';
import { type EdgeMessage, EdgeMessageSchema, type EdgeStatus, type Hello } from './edge-messages.ts';

/** An edge that is slower hangs. Generous: the host may be busy. */
const REPLY_TIMEOUT_MS = 30_000;
/** The same for the first line of a connection. */
const HELLO_TIMEOUT_MS = 10_000;

function parseMessage(line: string): EdgeMessage | null {
  try {
    const message: unknown = JSON.parse(line);
    return Check(EdgeMessageSchema, message) ? message : null;
  } catch {
    return null;
  }
}

/** Resolves when the socket is connected; null where no process listens. */
function connected(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

export class ControlConnection {
  /** Resolves when the connection has ended, whichever side ended it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #hello = Promise.withResolvers<Hello>();
  readonly #waiting = new Map<number, PromiseWithResolvers<EdgeStatus>>();
  #lastId = 0;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    const reader = new LineReader(MAX_CONTROL_LINE_BYTES);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data: Buffer) => {
      const lines = reader.push(data)?.map(parseMessage) ?? [null];
      for (const message of lines) if (message === null || !this.#handle(message)) socket.destroy();
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        const ended = new Error('the connection to the local edge has ended');
        this.#hello.reject(ended);
        for (const { reject } of this.#waiting.values()) reject(ended);
        this.#waiting.clear();
        resolve();
      });
    });
    this.#hello.promise.catch(() => undefined);
  }

  /** Connects to the edge process; null where none answers. */
  static async open(
    path: string,
    clock: Clock,
  ): Promise<{ connection: ControlConnection; hello: Hello } | null> {
    const socket = await connected(path);
    if (socket === null) return null;
    const connection = new ControlConnection(socket, clock);
    const timer = clock.setTimer(() => socket.destroy(), HELLO_TIMEOUT_MS);
    try {
      return { connection, hello: await connection.#hello.promise };
    } catch {
      return null;
    } finally {
      timer.cancel();
    }
  }

  /** False for a reply that was not asked for. */
  #handle(message: EdgeMessage): boolean {
    if (message.kind === 'hello') {
      this.#hello.resolve(message);
      return true;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    waiting?.resolve(message.status);
    return waiting !== undefined;
  }

  /** Resolves to the edge's state before the request. Rejects, and ends the connection, where there is no reply in time. */
  async request(request: EdgeRequest): Promise<EdgeStatus> {
    if (this.#socket.destroyed) throw new Error('the connection to the local edge has ended');
    this.#lastId += 1;
    const reply = Promise.withResolvers<EdgeStatus>();
    this.#waiting.set(this.#lastId, reply);
    this.#socket.write(`${JSON.stringify({ ...request, id: this.#lastId })}\n`);
    const timer = this.#clock.setTimer(() => this.close(), REPLY_TIMEOUT_MS);
    try {
      return await reply.promise;
    } finally {
      timer.cancel();
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
