/** A student's server under load, and visitors who use it normally and abnormally. */
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { type Answer, browse } from './browse.ts';

export const MB = 2 ** 20;

/** Runs `make` `count` times in parallel. */
export const many = <Made>(count: number, make: (index: number) => Promise<Made>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

/** Answers `fine`, 32 MB at `/large`, and half a response at `/half`; echoes WebSocket messages. */
export async function startLoadedService(): Promise<Server> {
  const block = Buffer.alloc(MB, 'x');
  const service = createServer({ maxHeaderSize: 256 * 1024 }, async (incoming, response) => {
    incoming.on('error', () => {});
    response.on('error', () => {});
    switch (incoming.url) {
      case '/large':
        for (let sent = 0; sent < 32 && !response.destroyed; sent += 1) {
          if (!response.write(block)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
        }
        return void response.end();
      case '/half':
        response.writeHead(200, { 'content-length': 1000 }).write('half', () => response.destroy());
        return;
      default:
        incoming.resume().once('end', () => response.end('fine'));
    }
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  new WebSocketServer({ server: service }).on('connection', (socket) => {
    socket.on('message', (message) => socket.send(message));
  });
  return service;
}

/** Visitors of one hostname, through an edge or a relay. */
export class VisitorLoad {
  readonly #port: number;
  readonly #host: string;

  constructor(port: number, host: string) {
    this.#port = port;
    this.#host = host;
  }

  visit(path = '/', headers = {}): Promise<Answer> {
    return browse({ port: this.#port, host: this.#host, path, headers });
  }

  async openSockets(count: number): Promise<WebSocket[]> {
    const open: WebSocket[] = [];
    while (open.length < count) open.push(...(await many(100, () => this.#openSocket())));
    return open;
  }

  async #openSocket(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/`, { headers: { host: this.#host } });
    await once(socket, 'open');
    return socket;
  }

  /** A visitor who requests 32 MB, reads nothing until `until` resolves, and disconnects. */
  async readSlowly(until: Promise<unknown> = sleep(300)): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET /large HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`);
    await once(socket, 'readable');
    await until;
    socket.destroy();
  }

  /**
   * A visitor who disconnects in the middle of an upload, or is disconnected: where the edge notices the ends of hundreds of
   * these later than their successors begin, the link has no place left for some of them.
   */
  async abortUpload(): Promise<void> {
    const outgoing = request({
      port: this.#port,
      host: '127.0.0.1',
      method: 'POST',
      headers: { host: this.#host, 'content-length': 10 * MB },
    });
    outgoing.on('error', () => {});
    const closed = new Promise((resolve) => outgoing.once('close', resolve));
    const drained = new Promise((resolve) => outgoing.once('drain', resolve));
    outgoing.write(Buffer.alloc(MB));
    await Promise.race([drained, closed]);
    outgoing.destroy();
    await closed;
  }
}
