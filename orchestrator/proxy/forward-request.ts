/**
 * Streams a request to another HTTP server and its answer back: nothing is buffered whole, and whichever side goes
 * takes the other with it. The relay uses it towards the student's service, the local edge towards the relay.
 * The other server is a student's: whatever it answers, only its own visitor may notice.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { drainBodyAfterResponse } from './graceful-close.ts';
import { type HeaderList, withoutHopByHop } from './header-list.ts';
import {
  type ForwardOptions,
  hasBody,
  limitInformationalResponses,
  openUpstreamRequest,
  reasonPhrase,
} from './upstream-request.ts';

/** Why no answer came: nobody took the request, or it broke off, or what came back was no answer in HTTP. */
export type UpstreamFailure = 'refused' | 'broken-off' | 'not-http';

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']); // RFC 9110 §9.2.2
const BODY_EXPECTED = new Set(['POST', 'PUT', 'PATCH']);

/** How the body is framed for the next server; Node would chunk a POST without any, which small servers can't read. */
function framing({ method = 'GET', headers }: IncomingMessage): HeaderList {
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) return ['Transfer-Encoding', coding];
  const isMissing = headers['content-length'] === undefined && BODY_EXPECTED.has(method);
  return isMissing ? ['Content-Length', '0'] : [];
}

/** Trailers as Node's `addTrailers` takes them; those that would frame, route or set state are not for the end. */
function trailers(raw: string[]): [string, string][] {
  const refused =
    /^(content-|transfer-|set-cookie|host|authorization|trailer|connection|te$|cookie|location)/i;
  return Array.from({ length: Math.floor(raw.length / 2) }, (_, index): [string, string] => [
    raw[index * 2] ?? '',
    raw[index * 2 + 1] ?? '',
  ]).filter(([name]) => !refused.test(name));
}

/** The answer as it comes: headers alone at once (server-sent events begin so), in one write with what is there of the body. */
function pass(incoming: IncomingMessage, response: ServerResponse, headers: HeaderList): void {
  const { socket } = response;
  response.sendDate = false;
  socket?.cork();
  response.writeHead(incoming.statusCode ?? 502, reasonPhrase(incoming), headers);
  // Node's `flushHeaders` would write them in UTF-8, each byte above 127 as two.
  response.write('', 'latin1');
  setImmediate(() => socket?.uncork());
  incoming.on('error', () => response.destroy());
  incoming.on('close', () => {
    // Broken off for the visitor too, so that nobody takes half a file for a whole one.
    if (!incoming.complete) response.destroy();
  });
  incoming.on('end', () => response.addTrailers(trailers(incoming.rawTrailers)));
  incoming.pipe(response);
}

/** Forwards one request. `onFailure` is called at most once and where no answer has begun, to answer in our own words. */
export function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  forwarding: ForwardOptions,
  onFailure: (failure: UpstreamFailure) => void,
): void {
  const mayRepeat = IDEMPOTENT.has(request.method ?? '') && !hasBody(request);
  const outgoing = openUpstreamRequest(request, forwarding, mayRepeat ? 'kept' : 'fresh', framing(request));
  const toVisitor = (headers: HeaderList) => forwarding.responseHeaders(withoutHopByHop(headers));
  let settled = false;
  const fail = (failure: UpstreamFailure, isReset = false) => {
    if (settled) return;
    settled = true;
    request.unpipe(outgoing);
    if (response.destroyed || response.headersSent) return;
    if (isReset && mayRepeat && outgoing.reusedSocket)
      forwardRequest(request, response, forwarding, onFailure);
    else onFailure(failure);
  };
  limitInformationalResponses(outgoing, ({ statusCode, rawHeaders }) => {
    // 103 Early Hints; a 100 answers us, not the visitor. HTTP/1.0 knows none of them.
    if (statusCode !== 103 || request.httpVersion === '1.0' || response.headersSent) return;
    // Hints may be left out: nobody is to hold them for a visitor who reads slowly, or is not at this answer yet.
    if (response.socket?.writableNeedDrain !== false) return;
    response.writeInformation(103, toVisitor(rawHeaders));
  });
  outgoing.on('response', (incoming) => {
    const { statusCode = 0 } = incoming;
    // Who called may have answered meanwhile, in their own words.
    if (settled || response.headersSent || statusCode < 200) {
      outgoing.destroy();
      return fail('not-http');
    }
    settled = true;
    drainBodyAfterResponse(request, response);
    pass(incoming, response, toVisitor(incoming.rawHeaders));
  });
  outgoing.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    if (code.startsWith('HPE_')) return fail('not-http');
    fail(code === 'ECONNREFUSED' ? 'refused' : 'broken-off', code === 'ECONNRESET' || code === 'EPIPE');
  });
  // An unasked 101 ends a request without an error.
  outgoing.on('close', () => fail('not-http'));
  response.on('error', () => response.destroy());
  response.once('close', () => outgoing.destroy());
  request.on('error', () => outgoing.destroy());
  request.on('end', () => {
    if (request.rawTrailers.length > 0) outgoing.addTrailers(trailers(request.rawTrailers));
  });
  request.pipe(outgoing);
  // A visitor who streams may wait for the answer's head first; what is there of the body goes in one write with ours.
  if (hasBody(request))
    setImmediate(() => outgoing.destroyed || outgoing.writableEnded || outgoing.write('', 'latin1'));
}
