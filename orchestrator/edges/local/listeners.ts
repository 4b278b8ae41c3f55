/**
 * Several listening sockets on one address. Each accepts one connection per turn of the event loop. With a single one, a
 * visitor would queue behind hundreds of another student's visitors, whose downloads make turns long.
 */
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';

export const LISTENER_COUNT = 16;

/** Returns the port on which the server listens. */
function listen(server: Server, options: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Listens with all servers; port 0 stands for any free one. Returns the port. Rejects if the address is taken. */
export async function listenTogether(
  servers: readonly Server[],
  requestedPort: number,
  host: string,
): Promise<number> {
  // With `reusePort`, a foreign process that also sets it would share the address: first make sure that it is free.
  const probe = createServer();
  const port = await listen(probe, { port: requestedPort, host });
  await new Promise((closed) => probe.close(closed));
  for (const server of servers) await listen(server, { port, host, reusePort: true });
  return port;
}
