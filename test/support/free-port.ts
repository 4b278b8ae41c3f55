/** Finds a free port. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below Linux's ephemeral ports (32768 to 60999), so that no outgoing connection and no test that listens on port 0
 * takes a port while its daemon restarts; above the ports that installations give to students.
 */
const FIRST_PORT = 10_240;
const LAST_PORT = 18_000;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  if (!(await listening)) return false;
  server.close();
  await once(server, 'close');
  return true;
}

/** A TCP port on 127.0.0.1 that was free just now. Another program may take it before the caller does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
}
