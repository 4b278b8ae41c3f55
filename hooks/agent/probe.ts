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

/**
 * An empty line first: most HTTP servers pass over it (RFC 9112 §2.2), and the parser answers the nonsense behind it.
 * Python's http.server takes the empty line for the end, and hangs up without a word; it answers the nonsense alone,
 * but logs it in the student's terminal.
 */
const QUIET_QUESTION = '\r\nDEVENV\r\n\r\n';
const PLAIN_QUESTION = 'DEVENV\r\n\r\n';

/** What it speaks; `silent`: it hung up without a word; null: it did not say within the time. */
function ask(address: string, port: number, question: string): Promise<Speech | 'silent' | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (speech: Speech | 'silent' | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(speech);
    };
    const timer = setTimeout(() => end(null), PATIENCE);
    socket.once('connect', () => socket.write(question));
    socket.once('data', (answer: Buffer) => end(isTls(answer) ? 'https' : isHttp(answer) ? 'http' : 'other'));
    socket.once('end', () => end('silent'));
    socket.once('error', () => end(null));
  });
}

/**
 * What listens there; null where it did not say within the time. `isExpected`: it is where a web server is expected,
 * so one that hangs up without a word is taken for one, and not asked louder.
 */
export async function probe(address: string, port: number, isExpected = false): Promise<Speech | null> {
  const answer = await ask(address, port, QUIET_QUESTION);
  if (answer !== 'silent') return answer;
  if (isExpected) return 'http';
  const louder = await ask(address, port, PLAIN_QUESTION);
  return louder === 'silent' ? 'other' : louder;
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
/** Questions under way at once: a student may have a thousand listeners. */
const MOST_AT_ONCE = 16;

/** Asks each listener, and remembers the answer for as long as it listens. */
export class Prober {
  readonly #known = new Map<string, Known>();
  #asked = 0;
  readonly #onNews: () => void;

  constructor(onNews: () => void) {
    this.#onNews = onNews;
  }

  /** What that listener speaks; asks it where that is not known yet. `isExpected`: as for `probe`. */
  speaks(id: string, address: string, port: number, isExpected: boolean): Speech | null {
    const known = this.#known.get(id) ?? { speaks: null, tries: 0, busy: false, nextTryAt: 0 };
    this.#known.set(id, known);
    const now = performance.now();
    const isDue = known.speaks === null && !known.busy && known.tries < TRIES && now >= known.nextTryAt;
    if (isDue && this.#asked < MOST_AT_ONCE) {
      known.busy = true;
      this.#asked += 1;
      known.tries += 1;
      void probe(address, port, isExpected).then((speech) => {
        known.busy = false;
        this.#asked -= 1;
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
