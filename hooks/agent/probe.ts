/**
 * Finds out what a port speaks without a request that would reach the student's program: a line that is no HTTP is
 * answered by the parser of any HTTP server (400), and by a TLS server with an alert.
 */
import { connect } from 'node:net';

export type Speech = 'http' | 'https' | 'other';

/** A server that has not answered by then is no web server, or too busy to say; asked again later. In ms. */
const PATIENCE = 1500;

/** TLS record types 21 (alert) and 22 (handshake); RFC 8446 §5.1. */
const isTls = (answer: Buffer) => answer[0] === 21 || answer[0] === 22;

/** `HTTP/…` or, for a request without version, bare HTML. */
const isHttp = (answer: Buffer) => /^(HTTP\/|<)/i.test(answer.toString('latin1', 0, 8).trimStart());

/** What listens there; null where it did not say within the time. */
export function probe(address: string, port: number): Promise<Speech | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (speech: Speech | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(speech);
    };
    const timer = setTimeout(() => end(null), PATIENCE);
    socket.once('connect', () => socket.write('\r\nDEVENV\r\n\r\n'));
    socket.once('data', (answer: Buffer) => end(isTls(answer) ? 'https' : isHttp(answer) ? 'http' : 'other'));
    socket.once('end', () => end('other'));
    socket.once('error', () => end(null));
  });
}

interface Known {
  speaks: Speech | null;
  tries: number;
  busy: boolean;
  nextTryAt: number;
}

/** A dev server may listen long before it answers: it is asked again this often, and this many times. */
const TRY_EVERY = 1000;
const TRIES = 30;

/** Asks each listener, and remembers the answer for as long as it listens. */
export class Prober {
  readonly #known = new Map<string, Known>();
  readonly #onNews: () => void;

  constructor(onNews: () => void) {
    this.#onNews = onNews;
  }

  /** What that listener speaks; asks it where that is not known yet. */
  speaks(id: string, address: string, port: number): Speech | null {
    const known = this.#known.get(id) ?? { speaks: null, tries: 0, busy: false, nextTryAt: 0 };
    this.#known.set(id, known);
    const now = performance.now();
    if (known.speaks === null && !known.busy && known.tries < TRIES && now >= known.nextTryAt) {
      known.busy = true;
      known.tries += 1;
      void probe(address, port).then((speech) => {
        known.busy = false;
        known.speaks = speech;
        known.nextTryAt = performance.now() + TRY_EVERY;
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
