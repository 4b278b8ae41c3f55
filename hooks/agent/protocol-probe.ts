/**
 * Finds out what a port speaks without a request that would reach the student's program, and without a line in the
 * student's terminal where that can be helped. Measured with Node's http, https and http2, Python's http.server,
 * and servers of bare TCP.
 */
import { connect, type Socket } from 'node:net';

export type SpokenProtocol = 'http' | 'https' | 'other';

/** A server that has not answered by then is no web server, or too busy to say; asked again later. In ms. */
const PATIENCE = 1500;

/** Long enough for a server to close a connection that it does not like, in ms. */
const MOMENT = 150;

/** A server that goes on talking is listened to for this long, in ms. */
const LINGER = 1000;

/** TLS record types 21 (alert) and 22 (handshake); RFC 8446 §5.1. */
const isTls = (answer: Buffer) => answer[0] === 21 || answer[0] === 22;

/** `HTTP/…` or, for a request without version, bare HTML. */
const isHttp = (answer: Buffer) => /^(HTTP\/|<)/i.test(answer.toString('latin1', 0, 8).trimStart());

/**
 * What came back: bytes, the end of the connection without any, an error, or nothing within the time. Told once, and
 * then the other side is let go gently: bytes that nobody reads would reset the connection, and an `error` that a
 * student has not thought of ends the student's program.
 */
function listen(socket: Socket, ms: number): Promise<Buffer | 'end' | 'error' | 'nothing'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('nothing'), ms);
    const told = (what: Buffer | 'end' | 'error') => {
      clearTimeout(timer);
      resolve(what);
    };
    socket.once('data', told);
    socket.once('end', () => told('end'));
    socket.once('error', () => told('error'));
  });
}

function letGo(socket: Socket): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER).unref();
  socket.once('close', () => clearTimeout(timer));
}

function dial(address: string, port: number): Socket {
  const socket = connect({ host: address, port, allowHalfOpen: false });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** Python's HTTP servers close without a word, and without a line in the terminal, at an empty line; and only then. */
async function closesAtEmptyLine(address: string, port: number): Promise<boolean> {
  const socket = dial(address, port);
  socket.write('\r');
  const isPatient = (await listen(socket, MOMENT)) === 'nothing';
  if (isPatient) socket.write('\n');
  const after = isPatient ? await listen(socket, PATIENCE / 3) : 'error';
  letGo(socket);
  return after === 'end';
}

/** A whole handshake: nothing that a server would complain of. Loaded only where something may speak TLS. */
async function shakesHands(address: string, port: number): Promise<boolean> {
  const tls = await import('node:tls');
  return new Promise((resolve) => {
    const socket = tls.connect({ host: address, port, servername: 'localhost', rejectUnauthorized: false });
    const timer = setTimeout(() => end(false), PATIENCE);
    const end = (speaks: boolean) => {
      clearTimeout(timer);
      resolve(speaks);
      letGo(socket);
    };
    socket.once('secureConnect', () => end(true));
    socket.on('error', () => end(false));
  });
}

/**
 * What listens there; null where it did not say within the time. A line that is no HTTP is answered by the parser of
 * nearly any HTTP server (400). OpenSSL and Python close without a word, and so does much that is no web server.
 */
export async function probeProtocol(address: string, port: number): Promise<SpokenProtocol | null> {
  const socket = dial(address, port);
  socket.write('\r\nDEVENV\r\n\r\n');
  const answer = await listen(socket, PATIENCE);
  letGo(socket);
  if (answer === 'error' || answer === 'nothing') return null;
  if (answer !== 'end') return isTls(answer) ? 'https' : isHttp(answer) ? 'http' : 'other';
  if (await closesAtEmptyLine(address, port)) return 'http';
  return (await shakesHands(address, port)) ? 'https' : 'other';
}

interface Known {
  speaks: SpokenProtocol | null;
  tries: number;
  busy: boolean;
  nextTryAt: number;
}

/** A dev server may listen long before it answers: asked again after these times, in ms. What stays silent is left alone. */
const AGAIN = [1000, 2000, 4000, 8000, 16_000, 30_000];
/** Questions under way at once: a student may have a thousand listeners. */
const MOST_AT_ONCE = 16;

/** Asks each listener, and remembers the answer for as long as it listens. */
export class ProtocolProber {
  readonly #known = new Map<string, Known>();
  readonly #onNews: () => void;
  #asking = 0;

  constructor(onNews: () => void) {
    this.#onNews = onNews;
  }

  /** What that listener speaks; asks it where that is not known yet. */
  speaks(id: string, address: string, port: number): SpokenProtocol | null {
    const known = this.#known.get(id) ?? { speaks: null, tries: 0, busy: false, nextTryAt: 0 };
    this.#known.set(id, known);
    const now = performance.now();
    const isDue =
      known.speaks === null && !known.busy && known.tries <= AGAIN.length && now >= known.nextTryAt;
    if (isDue && this.#asking < MOST_AT_ONCE) {
      known.busy = true;
      this.#asking += 1;
      void probeProtocol(address, port).then((speech) => {
        this.#asking -= 1;
        known.busy = false;
        known.speaks = speech;
        known.nextTryAt = performance.now() + (AGAIN[known.tries] ?? 0);
        known.tries += 1;
        if (speech !== null) this.#onNews();
      });
    }
    return known.speaks;
  }

  /** Forgets those who listen no more. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
  }
}
