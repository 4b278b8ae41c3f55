/**
 * The lock on a tunnel against other installations on this host: two of them may share one tunnel, and each writes
 * the whole document. It is an abstract unix socket: the kernel gives it to one process at a time and takes it back
 * when that process ends, however it ends. Processes that wait connect to it, and learn who has it and when it is free.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../../clock.ts';
import { systemCodeOf } from '../../../errors.ts';

/** Another process had the lock until the timeout. */
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
  /** Waits for the lock. Resolves to the name of its holder where the timeout was reached, or `signal` aborted. */
  acquire(signal: AbortSignal): Promise<HeldLock | { heldBy: string }>;
}

export interface TunnelLockOptions {
  tunnelId: string;
  /** The name that other processes read while they wait. */
  instance: string;
  timeoutMs: number;
  clock: Clock;
}

/** Between two tries where the holder can't be connected to. */
const RETRY_MS = 100;

/** Of a holder's name: any process on the host may listen there. */
const MAX_NAME_CHARS = 64;

export function createTunnelLock({ tunnelId, instance, timeoutMs, clock }: TunnelLockOptions): TunnelLock {
  const id = createHash('sha256').update(tunnelId.toLowerCase()).digest('hex').slice(0, 32);
  const path = `\0devenv-tunnel-${id}`;
  return {
    async acquire(signal) {
      const deadlineMs = clock.monotonicMs() + timeoutMs;
      let heldBy = 'another process';
      for (;;) {
        const server = await listen(path, instance);
        if (server !== null) return lockOn(server.server, server.waiting);
        if (clock.monotonicMs() > deadlineMs || signal.aborted) return { heldBy };
        heldBy = (await waitForEnd(path, deadlineMs, clock, signal)) ?? heldBy;
      }
    },
  };
}

/** The lock, or null where another process has it. */
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

function lockOn(server: Server, waiting: ReadonlySet<Socket>): HeldLock {
  return {
    async release() {
      const closed = once(server, 'close');
      server.close();
      // The end of their connection tells the waiting processes that the lock is free.
      for (const socket of waiting) socket.destroy();
      await closed;
    },
  };
}

/** Waits until the holder ends or releases the lock; resolves to its name, as far as it sent one. */
async function waitForEnd(
  path: string,
  deadlineMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | null> {
  const timeout = new AbortController();
  const timer = clock.setTimer(() => timeout.abort(), Math.max(1, deadlineMs - clock.monotonicMs() + 1));
  const limit = AbortSignal.any([signal, timeout.signal]);
  const socket = connect(path);
  let name = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    name = (name + text).slice(0, MAX_NAME_CHARS);
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.on('error', () => socket.destroy());
    limit.addEventListener('abort', () => socket.destroy(), { once: true });
  });
  await ended;
  // A holder that ended before we could connect must not be tried in a tight loop.
  if (name === '') await clock.sleep(RETRY_MS, limit);
  timer.cancel();
  return name === '' ? null : name.replace(/[^a-z0-9-]/g, '');
}
