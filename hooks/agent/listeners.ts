/** Finds listening ports: the kernel's socket tables, and the process of each socket. */
import { readlinkSync } from 'node:fs';
import type { Process, ProcessTable } from './process-table.ts';
import { readTable } from './read-file.ts';

export interface Socket {
  inode: string;
  port: number;
  address: string;
}

/** Parses an address of /proc/net/tcp: 32-bit words in the host's byte order (little-endian wherever Node 26 runs). */
export function parseAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'));
  if (isMapped) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  const text = groups.join(':');
  if (text === '0:0:0:0:0:0:0:0') return '::';
  return text === '0:0:0:0:0:0:0:1' ? '::1' : text;
}

/** The sockets in state 0A (listening) of a table. `text` is null for a missing table. */
export function parseTable(text: string | null): Socket[] {
  return (text ?? '')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const [address, port] = local?.split(':') ?? [];
      if (state !== '0A' || !address || !port || !inode) return [];
      return [{ inode, port: Number.parseInt(port, 16), address: parseAddress(address) }];
    });
}

/** The kernel fills a page with lines of 150 bytes. */
const PAGE_BYTES = 4096;
const MAX_PAGE_REST_BYTES = 300;

/**
 * Whether the next page may contain listeners: they come first in a table (net/ipv4/tcp_ipv4.c), so it does not after a
 * page that ends with another socket, or that has room for another line.
 */
const hasMoreListeners = (page: string) =>
  page.length > PAGE_BYTES - MAX_PAGE_REST_BYTES && / 0A [^\n]*\n$/.test(page.slice(-200));

/** Docker's own resolver listens in the network of every container. */
const ENGINE_RESOLVER = '127.0.0.11';

/** Limit of the report. */
const MAX_ADDRESSES = 8;

export interface ListeningPort {
  port: number;
  addresses: string[];
  /** The process that has the socket open; null if unknown. */
  process: Process | null;
  /** Distinguishes this listener from a later one on the same port. */
  id: string;
}

/** The sockets of a port, to recognize them again. */
const inodesOf = (sockets: readonly Socket[], port: number): string =>
  sockets
    .filter((socket) => socket.port === port)
    .map(({ inode }) => inode)
    .sort()
    .join();

/** Where a socket is open. */
interface SocketOwner {
  process: Process;
  /** Number of the open file. */
  file: string;
}

export class ListenerFinder {
  readonly #proc: string;
  readonly #relayPort: number;
  /** By inode. A listening socket rarely moves to another process, so it is searched for once. */
  #owners = new Map<string, SocketOwner>();
  /** The sockets of the last search. */
  #sockets: readonly Socket[] = [];

  constructor(proc: string, relayPort: number) {
    this.#proc = proc;
    this.#relayPort = relayPort;
  }

  #readSockets(): Socket[] {
    const tables = ['tcp', 'tcp6'].map((name) =>
      parseTable(readTable(`${this.#proc}/net/${name}`, hasMoreListeners)),
    );
    return tables
      .flat()
      .filter(({ port, address }) => port !== this.#relayPort && address !== ENGINE_RESOLVER);
  }

  #isStillOpen(inode: string): boolean {
    const owner = this.#owners.get(inode);
    if (owner === undefined) return false;
    try {
      return readlinkSync(`${this.#proc}/${owner.process.pid}/fd/${owner.file}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  }

  /** Reads open files only if a socket's process is unknown or has ended. */
  #findProcesses(sockets: readonly Socket[], table: ProcessTable): void {
    const isKnown = ({ inode }: Socket) => {
      const process = this.#owners.get(inode)?.process;
      return process !== undefined && table.all.get(process.pid)?.id === process.id;
    };
    if (sockets.every(isKnown)) return;
    const wanted = new Set(sockets.map((socket) => `socket:[${socket.inode}]`));
    const found = new Map<string, SocketOwner>();
    for (const process of table.all.values()) {
      for (const { number: file, target } of table.openFiles(process.pid)) {
        if (!wanted.has(target)) continue;
        const inode = target.slice('socket:['.length, -1);
        const other = found.get(inode)?.process;
        // Cluster workers share a socket: the oldest process is the one that the student started.
        if (other === undefined || process.startTicks < other.startTicks) found.set(inode, { process, file });
      }
    }
    this.#owners = found;
  }

  /** One entry per port, sorted by port. Sockets of the process `ownPid` are excluded. */
  find(table: ProcessTable, ownPid: number): ListeningPort[] {
    const sockets = this.#readSockets();
    this.#sockets = sockets;
    this.#findProcesses(sockets, table);
    const byPort = new Map<number, ListeningPort>();
    for (const { port, address, inode } of sockets) {
      const process = this.#owners.get(inode)?.process ?? null;
      if (process?.pid === ownPid) continue;
      const known = byPort.get(port);
      if (known === undefined)
        byPort.set(port, { port, addresses: [address], process, id: `${port}/${inode}` });
      else if (known.addresses.length < MAX_ADDRESSES) known.addresses.push(address);
    }
    return [...byPort.values()].sort((a, b) => a.port - b.port);
  }

  /**
   * Whether the sockets of a port are still those of the last search: another program may have taken the port since. Asked
   * for each visitor's request, so it reads a link of a process if it can; reading the socket tables takes milliseconds.
   */
  isUnchanged(port: number): boolean {
    const sockets = this.#sockets.filter((socket) => socket.port === port);
    if (sockets.length > 0 && sockets.every(({ inode }) => this.#isStillOpen(inode))) return true;
    return inodesOf(this.#readSockets(), port) === inodesOf(this.#sockets, port);
  }
}

/** An address at which the agent reaches a listener with these bound addresses. */
export function reachableAddress(addresses: readonly string[]): string {
  if (addresses.includes('127.0.0.1') || addresses.includes('0.0.0.0')) return '127.0.0.1';
  // A socket bound to `::` always accepts ::1; it accepts 127.0.0.1 only if it is not IPv6-only.
  if (addresses.includes('::1') || addresses.includes('::')) return '::1';
  return addresses[0] ?? '127.0.0.1';
}
