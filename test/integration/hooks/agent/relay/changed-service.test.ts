/** Another program takes the service's port: the relay forwards no visitor to it before it is known what it is. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { WebSocketServer } from 'ws';
import { type Relay, startRelay } from '../../../../../hooks/agent/relay/index.ts';
import type { Service } from '../../../../../orchestrator/protocol/messages.ts';
import { browse } from '../../../../support/browse.ts';
import { portOf } from '../../../../support/visitor-rig.ts';
import { statusOfUpgrade } from '../../../../support/visitor-socket.ts';

let relay: Relay;
let server: Server;
let requests = 0;
let hasChanged = false;
let service: Service | null = null;
let reselections: number[] = [];
/** What a reselection does. */
let onReselect = () => {};

beforeAll(async () => {
  server = createServer((_request, response) => {
    requests += 1;
    response.end('the app');
  });
  new WebSocketServer({ server }).on('connection', () => {
    requests += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = await startRelay({
    port: 0,
    host: '127.0.0.1',
    keyHash: '',
    ownLink: () => ({ hostname: 'alice.test', url: 'http://alice.test', service, isOpen: true }),
    hasChanged: () => hasChanged,
    reselect: async (port) => {
      reselections.push(port);
      await new Promise((resolve) => setImmediate(resolve));
      onReselect();
    },
    identity: () => ({ instance: 'test', student: 'alice' }),
    status: () => ({ phase: 'open', isStarting: false }),
  });
});

beforeEach(() => {
  [requests, reselections, hasChanged] = [0, [], true];
  service = { port: portOf(server), address: '127.0.0.1', scheme: 'http', reason: 'only-web-server' };
});

afterAll(async () => {
  await relay.close();
  server.closeAllConnections();
  server.close();
});

const visit = async () => (await browse({ port: relay.port, host: 'alice.test' })).status;
const upgrade = () => statusOfUpgrade(relay.port, 'alice.test');

const cases: [string, () => void, { page: number; socket: number; forwarded: number }][] = [
  [
    'is a debugger: nothing is forwarded',
    () => {
      service = null;
    },
    { page: 503, socket: 503, forwarded: 0 },
  ],
  ['is still unknown: nothing is forwarded', () => {}, { page: 503, socket: 503, forwarded: 0 }],
  [
    'is the restarted server: the visitor has waited, and is served',
    () => {
      hasChanged = false;
    },
    { page: 200, socket: 101, forwarded: 2 },
  ],
];

test.each(cases)('the program that has the port now %s', async (_what, reselect, expected) => {
  onReselect = reselect;
  const [before, current] = [service, portOf(server)];
  const page = await visit();
  [service, hasChanged] = [before, true];
  const socket = await upgrade();
  expect({ page, socket, forwarded: requests }).toEqual(expected);
  expect(reselections).toEqual([current, current]);
});

test('as long as nothing has changed, nothing is selected again', async () => {
  hasChanged = false;
  expect([await visit(), await upgrade(), reselections]).toEqual([200, 101, []]);
});
