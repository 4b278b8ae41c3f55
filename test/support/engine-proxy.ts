/**
 * A proxy in front of the real Docker engine, on another socket. It makes single requests fail and can stop, as its
 * clients see a full disk or a dockerd that dies.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

const ENGINE_SOCKET = '/var/run/docker.sock';

/** What happens to a request instead of being forwarded. */
export type Fault =
  /** It is answered with this status and message, in the engine's format. */
  | { status: number; message: string }
  /** The proxy stops, and closes the connection of this request and all others. */
  | 'stop';

export interface EngineRequest {
  method: string;
  /** Matches the path without the API's version, as in `/^\/containers\/create/`. */
  path: RegExp;
}

export interface FaultRule extends EngineRequest {
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

/** Whether a client's bytes begin with that request. Clients send its first line in one write. */
function matches({ method, path }: EngineRequest, chunk: Buffer): boolean {
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
  #rule: FaultRule | null = null;
  #interruption: Interruption | null = null;

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  static async start(socketPath: string): Promise<EngineProxy> {
    const proxy = new EngineProxy(socketPath);
    await proxy.listen();
    return proxy;
  }

  get dockerHost(): string {
    return `unix://${this.socketPath}`;
  }

  /** Applies the rule to the next request that matches, and only to that one. */
  failNextRequest(rule: FaultRule): void {
    this.#rule = rule;
  }

  /** Whether the rule has been used. */
  get isRuleUsed(): boolean {
    return this.#rule === null;
  }

  /**
   * Calls `task` at the next request that matches. `asked`: when the request arrives, and the engine never gets it.
   * `answered`: when the engine has answered, before its answer is forwarded.
   */
  interruptAt(request: EngineRequest, at: 'asked' | 'answered', task: () => void): void {
    this.#interruption = { request, at, task };
  }

  /** Whether the interruption has happened. */
  get hasInterrupted(): boolean {
    return this.#interruption === null;
  }

  /** Accepts connections. */
  async listen(): Promise<void> {
    const server = createServer((client) => this.#serve(client));
    server.listen(this.socketPath);
    await once(server, 'listening');
    this.#server = server;
  }

  /** Forwards bytes in both directions, so that streams and upgraded connections work as without the proxy. */
  #serve(client: Socket): void {
    const engine = connect(ENGINE_SOCKET);
    this.#sockets.add(client);
    client.on('data', (chunk: Buffer) => {
      if (this.#interrupt(chunk, engine)) return;
      const fault = this.#faultFor(chunk);
      if (fault === 'stop') this.stop();
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

  /** Runs the interruption if this is its request. True if the request must not be forwarded. */
  #interrupt(chunk: Buffer, engine: Socket): boolean {
    const interruption = this.#interruption;
    if (interruption === null || !matches(interruption.request, chunk)) return false;
    this.#interruption = null;
    if (interruption.at === 'answered') engine.prependOnceListener('data', interruption.task);
    else interruption.task();
    return interruption.at === 'asked';
  }

  #faultFor(chunk: Buffer): Fault | null {
    const rule = this.#rule;
    if (rule === null || !matches(rule, chunk)) return null;
    this.#rule = null;
    return rule.fault;
  }

  /** Stops listening and closes all connections. `listen` starts again. */
  stop(): void {
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.socketPath, { force: true });
  }
}
