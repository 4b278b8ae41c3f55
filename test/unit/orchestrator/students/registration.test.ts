/** Which port a new student gets. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { lowestFreePort } from '../../../../orchestrator/students/registration.ts';

async function occupy(host: string): Promise<{ port: number; server: Server }> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return { port: address.port, server };
}

test.each(['127.0.0.1', '0.0.0.0'])('a port that is busy on %s is skipped', async (host) => {
  const { port, server } = await occupy(host);
  try {
    expect(await lowestFreePort(port, new Set())).toBeGreaterThan(port);
  } finally {
    server.close();
  }
});

test('a port that another student has is skipped, even if nothing listens on it', async () => {
  const { port, server } = await occupy('127.0.0.1');
  server.close();
  await once(server, 'close');
  expect(await lowestFreePort(port, new Set())).toBe(port);
  expect(await lowestFreePort(port, new Set([port]))).toBeGreaterThan(port);
});
