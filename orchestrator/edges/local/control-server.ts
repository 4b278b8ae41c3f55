/** The edge's side of the connection to the daemon. Only root, or the daemon's user, can open its socket. */
import { createServer, type Server, type Socket } from 'node:net';
import { LineReader } from '../../line-reader.ts';
import { MAX_CONTROL_LINE_BYTES, type NumberedRequest } from './control-messages.ts';
import type { EdgeStatus, Hello } from './edge-messages.ts';

export interface ControlServerOptions {
  /** Read for each connection. */
  hello(): Hello;
  /** The state now. */
  status(): EdgeStatus;
  handle(request: NumberedRequest): void;
  /** Called when no daemon was connected for `aloneMs`. */
  onAlone(): void;
  aloneMs: number;
}

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #daemons = new Set<Socket>();
  #aloneTimer: NodeJS.Timeout | null = null;

  constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Rejects where the path can't be used. The umask decides about the socket's mode. */
  listen(path: string): Promise<void> {
    this.#waitForDaemon();
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => resolve());
    });
  }

  #waitForDaemon(): void {
    this.#aloneTimer = setTimeout(() => this.#options.onAlone(), this.#options.aloneMs);
  }

  #serve(socket: Socket): void {
    if (this.#aloneTimer !== null) clearTimeout(this.#aloneTimer);
    this.#daemons.add(socket);
    const reader = new LineReader(MAX_CONTROL_LINE_BYTES);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data: Buffer) => {
      for (const line of reader.push(data) ?? []) this.#handleLine(socket, line);
    });
    socket.once('close', () => {
      this.#daemons.delete(socket);
      if (this.#daemons.size === 0) this.#waitForDaemon();
    });
    socket.write(`${JSON.stringify(this.#options.hello())}\n`);
  }

  #handleLine(socket: Socket, line: string): void {
    const request = JSON.parse(line) as NumberedRequest;
    const reply = { kind: 'reply', id: request.id, status: this.#options.status() };
    this.#options.handle(request);
    socket.write(`${JSON.stringify(reply)}\n`);
  }
}
