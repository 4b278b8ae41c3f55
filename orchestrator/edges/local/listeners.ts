/**
 * Several listening sockets on one address. Each gives this process one connection in a turn of its loop, however many
 * wait: with a single one, a visitor would stand behind hundreds of another student's whose downloads make turns long.
 */
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net';

export const DOORS = 16;

function listening(server: Server, options: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Listens with all of them; rejects where the address is taken. Port 0 is any; the port that it is. */
export async function listenTogether(
  doors: readonly Server[],
  wished: number,
  host: string,
): Promise<number> {
  // Those that share an address share it with a stranger's too, if that one is willing: it has to be nobody's yet.
  const probe = createServer();
  const port = await listening(probe, { port: wished, host });
  await new Promise((closed) => probe.close(closed));
  for (const door of doors) await listening(door, { port, host, reusePort: true });
  return port;
}
