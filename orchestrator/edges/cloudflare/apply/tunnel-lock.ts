/**
 * The lock on a tunnel against other installations of this host: two of them may share one tunnel, and each writes
 * the whole document. It is an abstract unix socket: the kernel gives it to one process at a time and takes it back
 * when that process ends, however it ends. Whoever waits is told when it is free, and by whom it is held.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCodeOf } from '../../../errors.ts';

/** Somebody else had the lock all the time. */
export class TunnelBusy extends Error {
  readonly heldBy: string;

  constructor(heldBy: string) {
    super(`the tunnel is being written by ${heldBy}`);
    this.name = 'TunnelBusy';
    this.heldBy = heldBy;
  }
}

export interface HeldLock {
  release(): Promise<void>;
}

export interface TunnelLock {
  /** Waits for the lock. Resolves to who held it all the time, where it was not had within the patience. */
  acquire(signal: AbortSignal): Promise<HeldLock | { heldBy: string }>;
}

export interface TunnelLockOptions {
  tunnelId: string;
  /** Told to those who wait. */
  instance: string;
  /** How long to wait, in ms. */
  patienceMs: number;
}

/** Between two tries where the holder gives no sign of its end, in ms. */
const RETRY = 100;

/** Longest name of a holder that is believed: anybody on the host may listen there. */
const MAX_NAME = 64;

export function createTunnelLock({ tunnelId, instance, patienceMs }: TunnelLockOptions): TunnelLock {
  const id = createHash('sha256').update(tunnelId.toLowerCase()).digest('hex').slice(0, 32);
  const path = `\0devenv-tunnel-${id}`;
  return {
    async acquire(signal) {
      const deadline = performance.now() + patienceMs;
      let heldBy = 'another process';
      for (;;) {
        const server = await listen(path, instance);
        if (server !== null) return hold(server.server, server.waiting);
        if (performance.now() > deadline || signal.aborted) return { heldBy };
        heldBy = (await waitForEnd(path, deadline - performance.now(), signal)) ?? heldBy;
      }
    },
  };
}

/** The lock, or null where somebody has it. */
async function listen(
  path: string,
  instance: string,
): Promise<{ server: Server; waiting: Set<Socket> } | null> {
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => waiting.delete(socket));
    socket.write(instance);
  });
  try {
    server.listen(path);
    await once(server, 'listening');
    return { server, waiting };
  } catch (error) {
    if (systemCodeOf(error) === 'EADDRINUSE') return null;
    throw error;
  }
}

function hold(server: Server, waiting: ReadonlySet<Socket>): HeldLock {
  return {
    async release() {
      const closed = once(server, 'close');
      server.close();
      // Their connection's end is the sign that they wait for.
      for (const socket of waiting) socket.destroy();
      await closed;
    },
  };
}

/** Waits until the holder ends or lets go; resolves to its name, as far as it told one. */
async function waitForEnd(path: string, patienceMs: number, signal: AbortSignal): Promise<string | null> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, Math.ceil(patienceMs)))]);
  const socket = connect(path);
  let name = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    name = (name + text).slice(0, MAX_NAME);
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.on('error', () => socket.destroy());
    patience.addEventListener('abort', () => socket.destroy(), { once: true });
  });
  await ended;
  // A holder that was gone before we could ask: it must not be asked in a tight loop.
  if (name === '') await sleep(RETRY, undefined, { signal: patience }).catch(() => undefined);
  return name === '' ? null : name.replace(/[^a-z0-9-]/g, '');
}
