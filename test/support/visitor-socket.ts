import { WebSocket } from 'ws';
import type { Installation } from './installation.ts';

/** A visitor's WebSocket through the edge, with the public Host and Origin. Resolves once it is open. */
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
    handshakeTimeout: 10_000,
  });
  const messages: string[] = [];
  socket.on('message', (message) => messages.push(String(message)));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, messages }));
    socket.once('error', reject);
  });
}
