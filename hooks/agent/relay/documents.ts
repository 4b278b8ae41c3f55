/**
 * Translates the app's own address in HTML and JSON bodies, as `rewrite.ts` does in headers. The body stays a stream: only the
 * last bytes of a chunk wait for the next one, if an address may continue there.
 */
import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';

/** Larger bodies are downloads, and pass unchanged. */
const MAX_DOCUMENT_BYTES = 1024 * 1024;

const DOCUMENT_TYPE = /^\s*(?:text\/html|application\/(?:xhtml\+xml|json|[\w.-]+\+json))\s*(?:;|$)/i;

/** Where other bytes would be wrong: digests of the body or of inline scripts, and text that is not a superset of ASCII. */
const DIGEST_HEADERS = ['digest', 'content-digest', 'repr-digest', 'content-md5', 'signature'];
const SCRIPT_DIGEST = /'sha(?:256|384|512)-/;
const WIDE_CHARSET = /charset\s*=\s*"?utf-?(?:16|32)/i;

/** The visitor's browser loads a page. On HTTP links it says so only with `Accept`. */
export const isDocumentRequest = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  headers.range === undefined &&
  (/^(?:document|i?frame)$/.test(String(headers['sec-fetch-dest'] ?? '')) ||
    /^text\/html\b/.test(headers.accept ?? ''));

/** Whether the body of a response may be translated. */
export function isTranslatable(
  request: IncomingMessage,
  { statusCode = 0, headers }: IncomingMessage,
): boolean {
  const hasBody = request.method !== 'HEAD' && ![204, 206, 304].includes(statusCode);
  if (!hasBody || request.headers.range !== undefined) return false;
  const type = headers['content-type'] ?? '';
  if (!DOCUMENT_TYPE.test(type) || WIDE_CHARSET.test(type)) return false;
  if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) return false;
  if (DIGEST_HEADERS.some((name) => headers[name] !== undefined)) return false;
  if (SCRIPT_DIGEST.test(String(headers['content-security-policy'] ?? ''))) return false;
  return Number(headers['content-length'] ?? 0) <= MAX_DOCUMENT_BYTES;
}

/** Where an address may continue in the next chunk; it is shorter than `MAX_ADDRESS_LENGTH`. */
const UNFINISHED = /(?:(?:https?|wss?)(?:[:%&\\][^\s"'<>]{0,100})?|h|ht|htt|w|ws)$/i;
const MAX_ADDRESS_LENGTH = 120;

/** Translates a body chunk by chunk. Latin-1 keeps every byte of other characters. */
export function documentTransform(translate: (text: string) => string): Transform {
  let rest = '';
  const encoded = (text: string) => Buffer.from(translate(text), 'latin1');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = rest + chunk.toString('latin1');
      rest = text.slice(-MAX_ADDRESS_LENGTH).match(UNFINISHED)?.[0] ?? '';
      done(null, encoded(text.slice(0, text.length - rest.length)));
    },
    flush(done) {
      done(null, encoded(rest));
    },
  });
}
