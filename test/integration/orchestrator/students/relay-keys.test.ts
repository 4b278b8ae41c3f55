/** Which `Host` a relay gets, so that it can tell the edge from other users of the host. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { browse } from '../../../support/browse.ts';
import type { createInProcessEdge } from '../../../support/in-process-edge.ts';
import { Lab } from '../../../support/lab.ts';
import { silentProgress } from '../../../support/progress.ts';
import { waitFor } from '../../../support/wait.ts';

let lab: Lab;
let relay: Server;

beforeEach(() => {
  lab = new Lab();
});
afterEach(async () => {
  await lab.remove();
  relay?.close();
  relay?.closeAllConnections();
});

/** A server in place of alice's relay, which answers with the `Host` that it got. */
async function listen(): Promise<void> {
  relay = createServer((request, response) => response.end(request.headers.host));
  relay.listen(lab.students.get('alice').port, '127.0.0.1');
  await once(relay, 'listening');
}

/** The `Host` that alice's relay gets from a visitor of her link, once that is open. */
async function hostAtRelay(): Promise<string> {
  const { port } = (lab.edge as ReturnType<typeof createInProcessEdge>).address();
  return waitFor('the link', async () => {
    const { status, body } = await browse({ port, host: 'alice.localhost' });
    return status === 200 && body;
  });
}

const restart = () => lab.students.lifecycle.restart('alice', silentProgress, new AbortController().signal);

test('the edge sends a key that stays the same after a restart', async () => {
  await lab.up({});
  await lab.create('alice', 'bob');
  await listen();
  lab.serve('alice', 3000);
  const host = await hostAtRelay();
  expect(host).toMatch(/^[a-z0-9]{32}\.alice\.localhost$/);
  await lab.down();
  await lab.up({});
  expect(await hostAtRelay()).toBe(host);
});

test('a relay of an earlier version gets no key until its environment starts again', async () => {
  await lab.up({});
  await lab.create('alice');
  await listen();
  await lab.down();
  lab.forgetRelayKeys();
  await lab.up({});
  lab.serve('alice', 3000);
  expect(await hostAtRelay()).toBe('alice.localhost');
  await lab.students.lifecycle.start(
    'alice',
    { newHome: false },
    silentProgress,
    new AbortController().signal,
  );
  expect(await hostAtRelay()).toBe('alice.localhost');
  await restart();
  lab.serve('alice', 3000);
  await waitFor('the key', async () => /^[a-z0-9]{32}\.alice\.localhost$/.test(await hostAtRelay()));
});

test.each([
  [200, false, /^every user of this host reaches the servers of alice, /, /devenv restart alice/],
  [403, true, /^1 tried without the edge, none answered$/, null],
])('`doctor` tries each relay without its key: answer %i', async (status, ok, found, next) => {
  const asked: string[] = [];
  await lab.up({});
  await lab.create('alice');
  relay = createServer((request, response) => {
    asked.push(`${request.headers.host}${request.url}`);
    response.writeHead(status).end();
  });
  relay.listen(lab.students.get('alice').port, '127.0.0.1');
  await once(relay, 'listening');
  const diagnostics = await lab.students.diagnose();
  expect(diagnostics.find(({ subject }) => subject === 'Relays')).toEqual({
    subject: 'Relays',
    ok,
    found: expect.stringMatching(found),
    next: next === null ? null : expect.stringMatching(next),
  });
  // A path that never reaches a student's program.
  expect(asked.sort()).toEqual(['alice.localhost/.well-known/devenv', 'localhost/.well-known/devenv']);
});
