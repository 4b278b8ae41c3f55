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

export interface Rule {
  method: string;
  /** On the path without the API's version, e.g. `/^\/containers\/create/`. */
  path: RegExp;
  fault: Fault;
}

export class EngineProxy {
  readonly socketPath: string;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();
  #rule: Rule | null = null;

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

  /** A client sends a request's first line at the beginning of a write. */
  #faultFor(chunk: Buffer): Fault | null {
    const rule = this.#rule;
    const [, method, path] =
      chunk.toString('latin1').match(/^([A-Z]+) (?:\/v[0-9.]+)?(\/\S*) HTTP\/1\.1\r\n/) ?? [];
    if (rule === null || path === undefined || rule.method !== method || !rule.path.test(path)) return null;
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
