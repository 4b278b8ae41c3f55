/** The visitors' connections by hostname, so that they can be ended when the hostname's link closes. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The responses that a connection waits for, or that it has become a WebSocket. */
type Visit = Set<ServerResponse> | 'upgraded';

export class VisitorConnections {
  readonly #visits = new Map<string, Map<Socket, Visit>>();
  readonly #maxPerHostname: number;

  /** `maxPerHostname`: simultaneous connections to one hostname. */
  constructor(maxPerHostname = Number.POSITIVE_INFINITY) {
    this.#maxPerHostname = maxPerHostname;
  }

  /** Registers a request (with its response) or a WebSocket (without). False if the hostname has too many connections. */
  admit(hostname: string, socket: Socket, response?: ServerResponse): boolean {
    const visits = this.#visits.get(hostname) ?? new Map<Socket, Visit>();
    const known = visits.get(socket);
    if (known === undefined) {
      if (visits.size >= this.#maxPerHostname) return false;
      this.#visits.set(hostname, visits);
      socket.once('close', () => {
        visits.delete(socket);
        if (visits.size === 0) this.#visits.delete(hostname);
      });
    }
    if (response === undefined) {
      visits.set(socket, 'upgraded');
      return true;
    }
    const pending = known instanceof Set ? known : new Set<ServerResponse>();
    visits.set(socket, pending.add(response));
    response.once('close', () => pending.delete(response));
    return true;
  }

  /** Hostnames with at least one connection. */
  hostnames(): string[] {
    return [...this.#visits.keys()];
  }

  /**
   * Ends all visits of a hostname. A request without a response yet is answered with `respond`, and its connection
   * closes afterwards; a response in progress is cut off. An idle connection stays: its next request is checked again.
   */
  disconnect(hostname: string, respond: (response: ServerResponse) => void): void {
    for (const [socket, visit] of this.#visits.get(hostname) ?? []) {
      if (visit === 'upgraded') {
        socket.destroy();
        continue;
      }
      const [response, ...pipelined] = visit;
      if (response === undefined) continue;
      // With pipelined requests, the last answer would wait for the first one.
      if (response.headersSent || pipelined.length > 0) socket.destroy();
      else respond(response.setHeader('connection', 'close'));
    }
  }

  /** Ends every connection. */
  disconnectAll(): void {
    for (const visits of this.#visits.values()) for (const socket of visits.keys()) socket.destroy();
  }
}
