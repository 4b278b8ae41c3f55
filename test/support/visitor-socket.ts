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
