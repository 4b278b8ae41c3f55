/**
 * Visitors who flood an edge, in a process of their own: idle connections, and uploads that send a byte a second. Each
 * that is closed is opened again, a bounded number of times. Argument: `EdgeFloodOptions` as JSON. Sends 'attacking' once
 * all have been tried, 'steady' once none is opened again, and runs until it is disconnected.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EdgeFloodOptions } from './edge-flood.ts';

const { port, hostname, idle, uploads, addresses } = JSON.parse(process.argv[2] ?? '') as EdgeFloodOptions;

/** Attempts for each connection. */
const MAX_ATTEMPTS = 2;
const REOPEN_DELAY_MS = 500;
const BYTE_INTERVAL_MS = 1000;
/** Connections that are opened at once. */
const BATCH = 50;

/** After so long without a new connection, no more are opened again. */
const STEADY_AFTER_MS = 3000;

const uploading = new Set<Socket>();
let openedAtMs = performance.now();

/** Resolves once the first attempt has succeeded or failed. */
function attack(index: number, isUpload: boolean, attempt = 1): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // 127.0.0.1 itself is where a reverse proxy connects from.
  const localAddress = `127.1.${Math.floor((index % addresses) / 250)}.${((index % addresses) % 250) + 1}`;
  openedAtMs = performance.now();
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.once('connect', () => {
    resolve();
    if (!isUpload) return;
    socket.write(`POST / HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 1000000\r\n\r\n`);
    uploading.add(socket);
  });
  socket.on('error', () => socket.destroy()).resume();
  socket.once('close', () => {
    resolve();
    uploading.delete(socket);
    if (attempt < MAX_ATTEMPTS) setTimeout(() => void attack(index, isUpload, attempt + 1), REOPEN_DELAY_MS);
  });
  return promise;
}

setInterval(() => {
  for (const socket of uploading) socket.write('x');
}, BYTE_INTERVAL_MS);
process.on('disconnect', () => process.exit());
for (let first = 0; first < idle + uploads; first += BATCH) {
  const indexes = Array.from({ length: Math.min(BATCH, idle + uploads - first) }, (_, at) => first + at);
  await Promise.all(indexes.map((index) => attack(index, index >= idle)));
}
process.send?.('attacking');
while (performance.now() - openedAtMs < STEADY_AFTER_MS) await sleep(STEADY_AFTER_MS / 10);
process.send?.('steady');
