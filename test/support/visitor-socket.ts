/** WebSockets through the edge. */
import { WebSocket } from 'ws';
import type { Installation } from './installation.ts';
import { WAIT_TIMEOUT_MS } from './wait.ts';

/** Opens a visitor's WebSocket with the public Host and Origin. `messages` collects what it receives. */
export function openSocket(
  devenv: Installation,
  student: string,
  path: string,
  protocols: string[] = [],
): Promise<{ socket: WebSocket; messages: string[] }> {
  const host = `${devenv.hostname(student)}:${devenv.edgePort}`;
  const socket = new WebSocket(`ws://127.0.0.1:${devenv.edgePort}${path}`, protocols, {
    headers: { host },
    origin: `http://${host}`,
    handshakeTimeout: WAIT_TIMEOUT_MS,
  });
  const messages: string[] = [];
  socket.on('message', (message) => messages.push(String(message)));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, messages }));
    socket.once('error', reject);
  });
}

/** The status with which a WebSocket handshake is answered; 101 means accepted. `port`: the edge's or the relay's. */
export function statusOfUpgrade(
  port: number,
  host: string,
  { path = '/', origin = `http://${host}` } = {},
): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
    headers: { host },
    origin,
    handshakeTimeout: WAIT_TIMEOUT_MS,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.once('unexpected-response', (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
    socket.once('error', reject);
  });
}
