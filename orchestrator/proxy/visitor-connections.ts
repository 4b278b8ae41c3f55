/** Who is at which hostname, so that they can be sent away when it closes: the relay's, and the local edge's. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What a connection waits for, or that it has become a WebSocket. */
type Visit = Set<ServerResponse> | 'upgraded';

export class VisitorConnections {
  readonly #at = new Map<string, Map<Socket, Visit>>();
  readonly #most: number;

  /** `most`: connections at once to one hostname. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /** Lets a request in (with its response), or a WebSocket (without); false where there are too many already. */
  admit(hostname: string, socket: Socket, response?: ServerResponse): boolean {
    const visits = this.#at.get(hostname) ?? new Map<Socket, Visit>();
    const known = visits.get(socket);
    if (known === undefined) {
      if (visits.size >= this.#most) return false;
      this.#at.set(hostname, visits);
      socket.once('close', () => {
        visits.delete(socket);
        if (visits.size === 0) this.#at.delete(hostname);
      });
    }
    if (response === undefined) {
      visits.set(socket, 'upgraded');
      return true;
    }
    const waiting = known instanceof Set ? known : new Set<ServerResponse>();
    visits.set(socket, waiting.add(response));
    response.once('close', () => waiting.delete(response));
    return true;
  }

  hostnames(): string[] {
    return [...this.#at.keys()];
  }

  /**
   * Sends everybody away from a hostname: who has no answer yet gets one by `tell`, and the connection ends with it;
   * who is in the middle of one is cut off. A connection that waits for nothing is asked again at its next request.
   */
  disconnect(hostname: string, tell: (response: ServerResponse) => void): void {
    for (const [socket, visit] of this.#at.get(hostname) ?? []) {
      if (visit === 'upgraded') {
        socket.destroy();
        continue;
      }
      const [response, ...further] = visit;
      if (response === undefined) continue;
      // Of several on one connection, an answer to the last would wait for the first.
      if (response.headersSent || further.length > 0) socket.destroy();
      else tell(response.setHeader('connection', 'close'));
    }
  }

  /** Ends every connection. */
  disconnectAll(): void {
    for (const visits of this.#at.values()) for (const socket of visits.keys()) socket.destroy();
  }
}
