/** Requests with bodies through edge and relay: refused, streamed, and followed by others on the same connection. */
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { VisitorRig } from '../../../../support/visitor-rig.ts';
import { waitFor } from '../../../../support/wait.ts';

let rig: VisitorRig;

beforeEach(async () => {
  rig = await VisitorRig.open();
});

afterEach(() => rig.close());

const head = (line: string, ...headers: string[]) =>
  `${[line, 'Host: alice.test', ...headers].join('\r\n')}\r\n\r\n`;

/** A visitor's connection, and what it has received. */
function visitor(): { socket: Socket; heard: () => string } {
  const socket = connect(rig.port, '127.0.0.1');
  let heard = '';
  socket.on('data', (data) => {
    heard += data;
  });
  socket.on('error', () => {});
  return { socket, heard: () => heard };
}

/** Uploads as fast as possible until the connection closes; returns what was received. */
async function upload(connection: string): Promise<string> {
  const { socket, heard } = visitor();
  const chunk = Buffer.alloc(65_536);
  const pump = () => {
    while (socket.writable && socket.write(chunk));
  };
  socket.on('drain', pump);
  socket.write(head('POST / HTTP/1.1', `Connection: ${connection}`, 'Content-Length: 100000000000'));
  pump();
  // `once` of node:events would reject: a visitor who goes on sending is reset in the end.
  await new Promise((resolve) => socket.once('close', resolve));
  return heard();
}

test.each([
  ['close', 'at once'],
  ['keep-alive', 'at once'],
  ['close', 'in the middle'],
  ['keep-alive', 'in the middle'],
])(
  'an upload (Connection: %s) that the service refuses %s: the visitor always gets the response, then is disconnected',
  async (connection, when) => {
    const refuse = (response: ServerResponse) =>
      response.writeHead(413, { 'content-length': 5 }).end('large');
    await rig.serve((incoming, response) => {
      if (when === 'at once') return refuse(response);
      let received = 0;
      incoming.on('data', ({ length }: Buffer) => {
        received += length;
        if (received > 1_000_000 && !response.headersSent) refuse(response);
      });
    });
    const heard = await Promise.all(Array.from({ length: 10 }, () => upload(connection)));
    for (const answer of heard) expect(answer).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n.*large$/s);
  },
);

test('the visitor gets the response of a service that refuses an upload and closes, then is disconnected', async () => {
  await rig.serveRaw((socket) => {
    socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge');
  });
  expect(await upload('close')).toMatch(/^HTTP\/1\.1 413 Too Large\r\n.*large$/s);
});

test('a visitor who is uploading when the route closes gets a page, then is disconnected', async () => {
  let asked = 0;
  await rig.serve((incoming) => {
    asked += 1;
    incoming.resume();
  });
  const uploads = Array.from({ length: 10 }, () => upload('keep-alive'));
  await waitFor('the service to be asked', () => asked === uploads.length);
  await rig.publish();
  for (const answer of await Promise.all(uploads)) expect(answer).toMatch(/^HTTP\/1\.1 404 .*<\/html>\s*$/s);
});

test('an early response does not affect the next request on the connection', async () => {
  await rig.serve((incoming, response) => {
    if (incoming.method === 'POST') return void response.writeHead(401, { 'content-length': 0 }).end();
    let sent = 0;
    const timer = setInterval(() => {
      response.write(`<${sent}>`);
      sent += 1;
      if (sent < 30) return;
      clearInterval(timer);
      response.end('whole');
    }, 100);
  });
  const { socket, heard } = visitor();
  socket.write(`${head('POST / HTTP/1.1', 'Content-Length: 4')}ab`);
  await waitFor('the first answer', () => heard().includes('401'));
  socket.write(`cd${head('GET / HTTP/1.1')}`);
  await waitFor('the second answer', () => heard().includes('whole') || socket.destroyed);
  expect(heard()).toMatch(/<29>.*whole/s);
  socket.destroy();
});

test("a streamed request's head is sent before its body, so that the response can begin", async () => {
  await rig.serve((incoming, response) => {
    response.writeHead(200, { 'x-name': incoming.headers['x-name'] }).write('begun');
    incoming.pipe(response);
  });
  const { socket, heard } = visitor();
  socket.write(head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'X-Name: caf\xe9'), 'latin1');
  await waitFor('the answer to begin', () => heard().includes('begun'));
  socket.write('3\r\nabc\r\n0\r\n\r\n');
  await waitFor('the body to come back', () => heard().includes('abc'));
  socket.destroy();
});
