/** The local edge's listening sockets. */
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { LISTENER_COUNT, listenTogether } from '../../../../../orchestrator/edges/local/listeners.ts';
import { waitFor } from '../../../../support/wait.ts';

const host = '127.0.0.1';
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

function createServers(count: number): Server[] {
  const created = Array.from({ length: count }, () => createServer((socket) => void socket.destroy()));
  open.push(...created);
  return created;
}

/** The most connections that were accepted in one turn of the event loop, of 200 at once. */
async function mostInOneTurn(servers: readonly Server[]): Promise<number> {
  const port = await listenTogether(servers, 0, host);
  let [all, now, most] = [0, 0, 0];
  for (const server of servers) {
    server.on('connection', () => {
      all += 1;
      now += 1;
      most = Math.max(most, now);
      if (now === 1) setImmediate(() => (now = 0));
    });
  }
  for (let visitor = 0; visitor < 200; visitor += 1) connect(port, host).on('error', () => {});
  await waitFor('all of them', () => all === 200);
  return most;
}

test('several connections are accepted in one turn of the event loop', async () => {
  expect(await mostInOneTurn(createServers(1))).toBe(1);
  expect(await mostInOneTurn(createServers(LISTENER_COUNT))).toBeGreaterThan(LISTENER_COUNT / 2);
});

test.each([{ reusePort: true }, {}])(
  'an address that another program listens on is refused, also if that one shares it: %j',
  async (how) => {
    const [first, ...others] = createServers(1 + LISTENER_COUNT);
    first?.listen({ port: 0, host, ...how });
    await once(first ?? process, 'listening');
    const address = first?.address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    await expect(listenTogether(others, address.port, host)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  },
);
