/** The local edge's listening sockets. */
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { DOORS, listenTogether } from '../../../../../orchestrator/edges/local/listeners.ts';
import { waitFor } from '../../../../support/wait.ts';

const host = '127.0.0.1';
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

function doors(count: number): Server[] {
  const made = Array.from({ length: count }, () => createServer((socket) => void socket.destroy()));
  open.push(...made);
  return made;
}

/** The most visitors who were let in within one turn of the loop, of 200 who come at once. */
async function mostInOneTurn(made: readonly Server[]): Promise<number> {
  const port = await listenTogether(made, 0, host);
  let [all, now, most] = [0, 0, 0];
  for (const door of made) {
    door.on('connection', () => {
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

test('several visitors are let in within one turn, so that a long queue is a short wait', async () => {
  expect(await mostInOneTurn(doors(1))).toBe(1);
  expect(await mostInOneTurn(doors(DOORS))).toBeGreaterThan(DOORS / 2);
});

test.each([{ reusePort: true }, {}])(
  'an address that somebody has is taken, also where they share: %j',
  async (how) => {
    const [first, ...others] = doors(1 + DOORS);
    first?.listen({ port: 0, host, ...how });
    await once(first ?? process, 'listening');
    const address = first?.address();
    if (typeof address !== 'object' || address === null) throw new Error('not listening');
    await expect(listenTogether(others, address.port, host)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  },
);
