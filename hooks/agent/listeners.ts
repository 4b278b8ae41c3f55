/** What listens inside the environment: the kernel's socket tables, and which process holds each socket. */
import type { Process, ProcessTable } from './process-table.ts';
import { readTable } from './read-file.ts';

export interface Socket {
  inode: string;
  port: number;
  address: string;
}

/** An address of /proc/net/tcp: 32-bit words in the host's byte order (little-endian wherever Node 26 runs). */
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

/** The lines in state 0A (listening) of a table; a table that is missing is empty. */
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

/**
 * Listeners come first in a table (net/ipv4/tcp_ipv4.c), so a page that ends with another socket is the last with any;
 * so is one with room for a further line (150 bytes).
 */
const PAGE = 4096;
const hasMoreListeners = (page: string) => page.length > PAGE - 300 && / 0A [^\n]*\n$/.test(page.slice(-200));

/** The engine's own resolver listens in every container's network. */
const ENGINE_RESOLVER = '127.0.0.11';

export interface Listening {
  port: number;
  addresses: string[];
  holder: Process | null;
  /** Tells this listener from a later one on the same port. */
  id: string;
}

export class ListenerFinder {
  readonly #proc: string;
  readonly #relayPort: number;
  /** Holders by inode: found once, since a listening socket seldom changes hands. */
  #holders = new Map<string, Process>();

  constructor(proc: string, relayPort: number) {
    this.#proc = proc;
    this.#relayPort = relayPort;
  }

  #sockets(): Socket[] {
    const tables = ['tcp', 'tcp6'].map((name) =>
      parseTable(readTable(`${this.#proc}/net/${name}`, hasMoreListeners)),
    );
    return tables
      .flat()
      .filter(({ port, address }) => port !== this.#relayPort && address !== ENGINE_RESOLVER);
  }

  /** Looks at open files only where a socket's holder is not known or has gone. */
  #findHolders(sockets: readonly Socket[], table: ProcessTable): void {
    const isHeld = ({ inode }: Socket) => {
      const holder = this.#holders.get(inode);
      return holder !== undefined && table.all.get(holder.pid)?.id === holder.id;
    };
    if (sockets.every(isHeld)) return;
    const wanted = new Set(sockets.map((socket) => `socket:[${socket.inode}]`));
    const found = new Map<string, Process>();
    for (const process of table.all.values()) {
      for (const { target } of table.openFiles(process.pid)) {
        if (!wanted.has(target)) continue;
        const inode = target.slice('socket:['.length, -1);
        const other = found.get(inode);
        // Shared by a family (cluster workers): the oldest is the one that the student started.
        if (other === undefined || process.startTicks < other.startTicks) found.set(inode, process);
      }
    }
    this.#holders = found;
  }

  /** One entry a port, in order of ports. The agent's own sockets are left out. */
  find(table: ProcessTable, ownPid: number): Listening[] {
    const sockets = this.#sockets();
    this.#findHolders(sockets, table);
    const byPort = new Map<number, Listening>();
    for (const { port, address, inode } of sockets) {
      const holder = this.#holders.get(inode) ?? null;
      if (holder?.pid === ownPid) continue;
      const known = byPort.get(port);
      if (known === undefined)
        byPort.set(port, { port, addresses: [address], holder, id: `${port}/${inode}` });
      else if (known.addresses.length < 8) known.addresses.push(address);
    }
    return [...byPort.values()].sort((a, b) => a.port - b.port);
  }
}

/** Where to reach a listener from inside: whatever it has bound. */
export function reachableAddress(addresses: readonly string[]): string {
  if (addresses.includes('127.0.0.1') || addresses.includes('0.0.0.0')) return '127.0.0.1';
  // `::` takes ::1 in any case; it takes 127.0.0.1 only where it is not for IPv6 alone.
  if (addresses.includes('::1') || addresses.includes('::')) return '::1';
  return addresses[0] ?? '127.0.0.1';
}
