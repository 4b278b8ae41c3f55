/** WebSockets: handshakes that are accepted, refused or never answered; both directions; and how they end. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { WebSocketServer } from 'ws';
import { VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
});

afterEach(() => rig.close());

test('a WebSocket passes in both directions with the own origin; a closing route ends it and a download at once', async () => {
  const server = await rig.serve((_request, response) => void response.writeHead(200).write('begun'));
  new WebSocketServer({ server }).on('connection', (socket, incoming) => {
    socket.send(`${incoming.headers.host} ${incoming.headers.origin}`);
    socket.on('message', (message) => socket.send(message));
  });
  const socket = rig.socket();
  const messages: string[] = [];
  socket.on('message', (message) => messages.push(String(message)));
  await once(socket, 'open');
  socket.send('hello');
  await waitFor('the echo', () => messages.includes('hello'));
  expect(messages[0]).toBe(`localhost:${rig.service?.port} http://localhost:${rig.service?.port}`);
  const download = request({ port: rig.port, host: '127.0.0.1', headers: { host: rig.host } });
  download.on('error', () => {});
  download.end();
  const [answer] = await once(download, 'response');
  answer.on('error', () => {});
  answer.resume();
  const ends = Promise.all([once(socket, 'close'), new Promise((resolve) => answer.once('close', resolve))]);
  await rig.publish();
  await ends;
});

test('a refused upgrade is answered by the service; without a service it is a 503', async () => {
  const dial = () => {
    const socket = rig.socket();
    return new Promise((resolve) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.once('error', () => resolve('error'));
    });
  };
  expect(await dial()).toBe(503);
  const server = await rig.serve(() => {});
  server.on('upgrade', (_request, socket) =>
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'),
  );
  expect(await dial()).toBe(401);
});

test('a visitor who leaves during a handshake leaves no connection behind', async () => {
  const server = await rig.serve((_incoming, response) => void response.end('fine'));
  let waiting = 0;
  let asked = 0;
  // Like Vite's server, which answers only its own subprotocol.
  server.on('upgrade', (_request, socket) => {
    asked += 1;
    waiting += 1;
    socket.once('close', () => {
      waiting -= 1;
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end()).resume();
  });
  const sockets = Array.from({ length: 20 }, () => rig.socket('/api'));
  for (const socket of sockets) socket.on('error', () => {});
  await waitFor('the service to be asked', () => asked === sockets.length);
  expect(waiting).toBe(asked);
  for (const socket of sockets) socket.terminate();
  await waitFor('the service to be left', () => waiting === 0);
  expect((await rig.visit()).body).toBe('fine');
});

test('300 simultaneous WebSockets all end with the route', async () => {
  const server = await rig.serve(() => {});
  new WebSocketServer({ server }).on('connection', (socket) => socket.send('hi'));
  const sockets = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const socket = rig.socket();
      await once(socket, 'message');
      return socket;
    }),
  );
  const ends = Promise.all(sockets.map((socket) => once(socket, 'close')));
  await rig.publish();
  await ends;
});

test("a visitor who half-closes a WebSocket still receives the service's last bytes", async () => {
  await rig.serveRaw((socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.once('end', () => socket.end('goodbye'));
  });
  const visitor = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true });
  let heard = '';
  visitor.on('data', (data) => {
    heard += data;
  });
  visitor.write('GET / HTTP/1.1\r\nHost: alice.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await waitFor('the handshake', () => heard.includes('101 Switching'));
  visitor.end();
  await once(visitor, 'close');
  expect(heard).toMatch(/goodbye$/);
});
