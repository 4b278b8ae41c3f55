/**
 * Finds out which protocol a port speaks without a request that reaches the student's program, and if possible without
 * a line in the student's terminal. Measured with Node's http, https and http2, Python's http.server, plain TCP servers,
 * and debuggers.
 */
import { connect, type Socket } from 'node:net';

/** `debugger`: an answer that only a debugger gives, in whatever protocol. */
export type ProbeAnswer = SpokenProtocol | 'debugger';
export type SpokenProtocol = 'http' | 'https' | 'other';

/** A server that has not answered by then is no web server, or is busy; it is probed again later. */
const ANSWER_TIMEOUT_MS = 1500;
const EMPTY_LINE_TIMEOUT_MS = 500;
/** Long enough for a server to close a connection that it rejects. */
const REJECTION_DELAY_MS = 150;
/** How long the rest of a server's answer is read before its connection is destroyed. */
const LINGER_MS = 1000;

/** TLS record types 21 (alert) and 22 (handshake); RFC 8446 §5.1. */
const isTls = (answer: Buffer) => answer[0] === 21 || answer[0] === 22;

/** `HTTP/…`, or bare HTML as the answer to a request without version. */
const isHttp = (answer: Buffer) => /^(HTTP\/|<)/i.test(answer.toString('latin1', 0, 8).trimStart());

/**
 * Node's inspector, on any port: `HTTP/1.0 400 Bad Request … WebSockets request was expected`. debugpy, and others that
 * speak the Debug Adapter Protocol, begin with `Content-Length: 138\r\n\r\n{"seq": 1, "type": "event", …`.
 */
const isDebugger = (answer: Buffer) => {
  const text = answer.toString('latin1', 0, 512);
  if (/^Content-Length: \d+\r\n/.test(text)) return true;
  return text.startsWith('HTTP/1.0 400 ') && text.includes('WebSockets request was expected');
};

/** What comes first: bytes, the end of the connection, an error, or the timeout. */
function firstEvent(socket: Socket, timeoutMs: number): Promise<Buffer | 'end' | 'error' | 'timeout'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('timeout'), timeoutMs);
    const finish = (event: Buffer | 'end' | 'error') => {
      clearTimeout(timer);
      resolve(event);
    };
    socket.once('data', finish);
    socket.once('end', () => finish('end'));
    socket.once('error', () => finish('error'));
  });
}

/**
 * Ends the connection and reads what still comes. Unread bytes would reset it, and a program without a handler for the
 * resulting `error` event ends.
 */
function closeGently(socket: Socket): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

function openConnection(address: string, port: number): Socket {
  const socket = connect({ host: address, port, allowHalfOpen: false });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** Python's HTTP servers close without an answer, and without a line in the terminal, at an empty line, and only then. */
async function closesAtEmptyLine(address: string, port: number): Promise<boolean> {
  const socket = openConnection(address, port);
  socket.write('\r');
  const isWaiting = (await firstEvent(socket, REJECTION_DELAY_MS)) === 'timeout';
  if (isWaiting) socket.write('\n');
  const event = isWaiting ? await firstEvent(socket, EMPTY_LINE_TIMEOUT_MS) : 'error';
  closeGently(socket);
  return event === 'end';
}

/** A complete TLS handshake, so the server has nothing to log. The module is loaded only if a port may speak TLS. */
async function completesTlsHandshake(address: string, port: number): Promise<boolean> {
  const tls = await import('node:tls');
  return new Promise((resolve) => {
    const socket = tls.connect({ host: address, port, servername: 'localhost', rejectUnauthorized: false });
    const timer = setTimeout(() => finish(false), ANSWER_TIMEOUT_MS);
    const finish = (speaksTls: boolean) => {
      clearTimeout(timer);
      resolve(speaksTls);
      closeGently(socket);
    };
    socket.once('secureConnect', () => finish(true));
    socket.on('error', () => finish(false));
  });
}

/**
 * Probes a port; null if it did not answer in time. Nearly every HTTP server's parser answers a line that is not HTTP
 * with a 400. OpenSSL and Python close without an answer, and so do many servers that are no web servers.
 */
export async function probeProtocol(address: string, port: number): Promise<ProbeAnswer | null> {
  const socket = openConnection(address, port);
  socket.write('\r\nDEVENV\r\n\r\n');
  const event = await firstEvent(socket, ANSWER_TIMEOUT_MS);
  closeGently(socket);
  if (event === 'error' || event === 'timeout') return null;
  if (event !== 'end' && isDebugger(event)) return 'debugger';
  if (event !== 'end') return isTls(event) ? 'https' : isHttp(event) ? 'http' : 'other';
  if (await closesAtEmptyLine(address, port)) return 'http';
  return (await completesTlsHandshake(address, port)) ? 'https' : 'other';
}
