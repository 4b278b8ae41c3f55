/**
 * Bounds the visitors' connections before a request is read: in total, because all links share the process's files, and
 * by address. Where there is no room, a connection that is doing nothing is closed for a new one, so that a flood of idle
 * connections keeps no visitor out; then the longest upload, because visitors who upload slowly are the other flood.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { hasBody } from '../../proxy/upstream-request.ts';

/** Connections in total, if the process may have enough files: each needs two, one of them to the relay. */
const MAX_CONNECTIONS = 8000;

/** Files that are not for visitors: listening sockets, the daemon's connection, Node's own. */
const RESERVED_FILES = 200;

/** The connections in total that fit into a limit of open files. */
export const connectionsFor = (maxFiles: number): number =>
  Math.max(1, Math.min(MAX_CONNECTIONS, Math.floor((maxFiles - RESERVED_FILES) / 2)));

/** An IPv6 customer has at least one network of this many groups, a /64, and can use any address in it. */
const IPV6_NETWORK_GROUPS = 4;

/**
 * What counts as one address: an IPv6 network counts as a whole. Null for this host itself: a reverse proxy or a
 * connector on it brings all visitors.
 */
export function addressKey(address: string): string | null {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*/, '');
  if (plain === '127.0.0.1' || plain === '::1') return null;
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.toLowerCase().split('::');
  const groups = head.split(':').filter((group) => group !== '');
  // What `::` leaves out is zero; only the first groups matter.
  const rest = tail?.split(':').filter((group) => group !== '') ?? [];
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length;
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest];
  return `${all.slice(0, IPV6_NETWORK_GROUPS).join(':')}::/64`;
}

/** Connections that are bounded together, oldest first. */
class Group {
  count = 0;
  /** Without a request in progress. */
  readonly idle = new Set<Socket>();
  /** Whose request body is not complete. */
  readonly uploading = new Set<Socket>();

  get replaceable(): Socket | undefined {
    const [idle] = this.idle;
    if (idle !== undefined) return idle;
    const [uploading] = this.uploading;
    return uploading;
  }
}

interface Connection {
  groups: readonly Group[];
  /** Responses that are not complete. A WebSocket has one that never is. */
  pending: number;
  end(): void;
}

export interface ConnectionLimitsOptions {
  maxTotal?: number;
  /** By default half of the total: a classroom behind one address has a few hundred. */
  maxPerAddress?: number;
  /** Called for each connection that was closed, or not accepted, because of a limit. */
  onLimit?(): void;
}

export class ConnectionLimits {
  readonly #maxTotal: number;
  readonly #maxPerAddress: number;
  readonly #onLimit: () => void;
  readonly #all = new Group();
  readonly #byAddress = new Map<string, Group>();
  readonly #connections = new Map<Socket, Connection>();

  constructor({
    maxTotal = MAX_CONNECTIONS,
    maxPerAddress = Math.ceil(maxTotal / 2),
    onLimit = () => {},
  }: ConnectionLimitsOptions = {}) {
    this.#maxTotal = maxTotal;
    this.#maxPerAddress = maxPerAddress;
    this.#onLimit = onLimit;
  }

  /** Accepts connections of the server only where there is room. Call it before the server listens. */
  guard(server: Server): void {
    const handlers = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      // Reset, so that the kernel keeps nothing of it.
      if (!this.admit(socket)) socket.resetAndDestroy();
      else for (const handle of handlers) handle.call(server, socket);
    });
  }

  /** Registers a new connection. False if there is no room, and all others are in use. */
  admit(socket: Socket): boolean {
    const { remoteAddress } = socket;
    // It has ended already.
    if (remoteAddress === undefined) return false;
    const key = addressKey(remoteAddress);
    const own = key === null ? null : (this.#byAddress.get(key) ?? new Group());
    if (own !== null && !this.#makeRoom(own, this.#maxPerAddress)) return false;
    if (!this.#makeRoom(this.#all, this.#maxTotal)) return false;
    if (key !== null && own !== null) this.#byAddress.set(key, own);
    const groups = own === null ? [this.#all] : [this.#all, own];
    for (const group of groups) {
      group.count += 1;
      group.idle.add(socket);
    }
    const end = () => {
      if (!this.#connections.delete(socket)) return;
      for (const group of groups) {
        group.count -= 1;
        group.idle.delete(socket);
        group.uploading.delete(socket);
      }
      if (key !== null && own?.count === 0) this.#byAddress.delete(key);
    };
    this.#connections.set(socket, { groups, pending: 0, end });
    socket.once('close', end);
    return true;
  }

  #makeRoom(group: Group, max: number): boolean {
    if (group.count < max) return true;
    this.#onLimit();
    const { replaceable } = group;
    if (replaceable === undefined) return false;
    this.#connections.get(replaceable)?.end();
    replaceable.resetAndDestroy();
    return true;
  }

  /** A request has arrived: its connection is in use until the response is complete. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#use(socket);
    if (connection === undefined) return;
    if (hasBody(request)) {
      for (const group of connection.groups) group.uploading.add(socket);
      request.once('end', () => {
        for (const group of connection.groups) group.uploading.delete(socket);
      });
    }
    response.once('close', () => {
      connection.pending -= 1;
      if (connection.pending > 0 || !this.#connections.has(socket)) return;
      for (const group of connection.groups) {
        group.uploading.delete(socket);
        group.idle.add(socket);
      }
    });
  }

  /** The connection has become a WebSocket: in use until it ends. */
  upgrade(socket: Socket): void {
    this.#use(socket);
  }

  #use(socket: Socket): Connection | undefined {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return undefined;
    connection.pending += 1;
    for (const group of connection.groups) group.idle.delete(socket);
    return connection;
  }

  get count(): number {
    return this.#all.count;
  }
}
