/**
 * The real Docker engine behind a socket of the test's own, where single requests can fail and the engine can go
 * away: what a full disk or a dying dockerd look like to its clients.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

const ENGINE = '/var/run/docker.sock';

/** What becomes of a request instead of being passed on. */
export type Fault =
  /** Answered with this status and message, as the engine does. */
  | { status: number; message: string }
  /** The engine is gone from this moment on, the request and everything else with it. */
  | 'engine-gone';

export interface EngineRequest {
  method: string;
  /** On the path without the API's version, e.g. `/^\/containers\/create/`. */
  path: RegExp;
}

export interface Rule extends EngineRequest {
  fault: Fault;
}

/** The requests of `devenv create` that write, in order. A fault in each is another state to recover from. */
export const CREATE_REQUESTS: readonly EngineRequest[] = [
  { method: 'POST', path: /^\/networks\/create/ },
  { method: 'POST', path: /^\/volumes\/create/ },
  { method: 'POST', path: /^\/containers\/create\?.*name=devenv-test/ },
  { method: 'POST', path: /^\/containers\/devenv-test[^/]*\/start/ },
  { method: 'POST', path: /^\/containers\/devenv-test[^/]*\/exec/ },
];

/** A request's name for test titles. */
export const requestName = ({ method, path }: EngineRequest) =>
  `${method} ${path.source.replaceAll('\\', '')}`;

/** Whether a client's bytes are the beginning of that request: it sends the first line at the beginning of a write. */
function fits({ method, path }: EngineRequest, chunk: Buffer): boolean {
  const [, sentMethod, sentPath] =
    chunk.toString('latin1').match(/^([A-Z]+) (?:\/v[0-9.]+)?(\/\S*) HTTP\/1\.1\r\n/) ?? [];
  return sentMethod === method && sentPath !== undefined && path.test(sentPath);
}

interface Interruption {
  request: EngineRequest;
  at: 'asked' | 'answered';
  task: () => void;
}

export class EngineProxy {
  readonly socketPath: string;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();
  #rule: Rule | null = null;
  #interruption: Interruption | null = null;

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  static async start(socketPath: string): Promise<EngineProxy> {
    const proxy = new EngineProxy(socketPath);
    await proxy.comeBack();
    return proxy;
  }

  get dockerHost(): string {
    return `unix://${this.socketPath}`;
  }

  /** The next request that fits fails, and only that one. */
  failNext(rule: Rule): void {
    this.#rule = rule;
  }

  /** Whether the rule has been used. */
  get hasFailed(): boolean {
    return this.#rule === null;
  }

  /**
   * Calls `task` at the next request that fits. `asked`: when the request arrives, and the engine never gets it.
   * `answered`: when the engine has done it, before its answer is passed on.
   */
  interruptAt(request: EngineRequest, at: 'asked' | 'answered', task: () => void): void {
    this.#interruption = { request, at, task };
  }

  /** Whether the interruption has happened. */
  get hasInterrupted(): boolean {
    return this.#interruption === null;
  }

  async comeBack(): Promise<void> {
    const server = createServer((client) => this.#serve(client));
    server.listen(this.socketPath);
    await once(server, 'listening');
    this.#server = server;
  }

  /** Passes bytes through both ways, so that streams and taken-over connections work as they do without us. */
  #serve(client: Socket): void {
    const engine = connect(ENGINE);
    this.#sockets.add(client);
    client.on('data', (chunk: Buffer) => {
      if (this.#interrupt(chunk, engine)) return;
      const fault = this.#faultFor(chunk);
      if (fault === 'engine-gone') this.goAway();
      else if (fault === null) engine.write(chunk);
      else {
        const body = JSON.stringify({ message: fault.message });
        const head = `HTTP/1.1 ${fault.status} Fault\r\ncontent-type: application/json\r\nconnection: close`;
        client.end(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      }
    });
    client.on('end', () => engine.end());
    engine.pipe(client);
    for (const socket of [client, engine]) socket.on('error', () => socket.destroy());
    engine.on('close', () => client.destroy());
    client.on('close', () => {
      this.#sockets.delete(client);
      engine.destroy();
    });
  }

  /** Interrupts where the request is the one to interrupt at; true where the request must not be passed on. */
  #interrupt(chunk: Buffer, engine: Socket): boolean {
    const interruption = this.#interruption;
    if (interruption === null || !fits(interruption.request, chunk)) return false;
    this.#interruption = null;
    if (interruption.at === 'answered') engine.prependOnceListener('data', interruption.task);
    else interruption.task();
    return interruption.at === 'asked';
  }

  #faultFor(chunk: Buffer): Fault | null {
    const rule = this.#rule;
    if (rule === null || !fits(rule, chunk)) return null;
    this.#rule = null;
    return rule.fault;
  }

  /** Nobody listens any more, and every connection is gone. */
  goAway(): void {
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.socketPath, { force: true });
  }
}
