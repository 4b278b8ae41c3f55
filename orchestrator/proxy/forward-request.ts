/**
 * Streams a request to the upstream, and its response back. Nothing is buffered as a whole, and if one side disconnects,
 * the other is disconnected too. The upstream belongs to a student: a faulty response affects only its own visitor.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { drainBodyAfterResponse } from './graceful-close.ts';
import { type HeaderList, mapHeaders, withoutHopByHop } from './header-list.ts';
import {
  type ForwardOptions,
  hasBody,
  limitInformationalResponses,
  openUpstreamRequest,
  reasonPhrase,
} from './upstream-request.ts';

/** Why there is no response: no connection, a connection that ended early, or bytes that are not HTTP. */
export type UpstreamFailure = 'refused' | 'interrupted' | 'not-http';

const IDEMPOTENT_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']); // RFC 9110 §9.2.2
const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** Headers that frame the body. Without them Node would chunk the body of a POST, which small servers can't read. */
function framingHeaders({ method = 'GET', headers }: IncomingMessage): HeaderList {
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) return ['Transfer-Encoding', coding];
  const isMissing = headers['content-length'] === undefined && METHODS_WITH_BODY.has(method);
  return isMissing ? ['Content-Length', '0'] : [];
}

/** Trailers in the form of `addTrailers`, without fields that frame or route the message or set state. */
function allowedTrailers(raw: string[]): [string, string][] {
  const refused =
    /^(content-|transfer-|set-cookie|host|authorization|trailer|connection|te$|cookie|location)/i;
  return Array.from({ length: Math.floor(raw.length / 2) }, (_, index): [string, string] => [
    raw[index * 2] ?? '',
    raw[index * 2 + 1] ?? '',
  ]).filter(([name]) => !refused.test(name));
}

/** The changed body's length is not known yet, and ranges would count the unchanged bytes. */
const withoutLength = (name: string, value: string) =>
  name === 'content-length' || name === 'accept-ranges' ? null : value;

/** Streams the response. The head goes out at once (server-sent events need it), in one write with the first bytes of the body. */
function streamResponse(
  incoming: IncomingMessage,
  response: ServerResponse,
  { responseHeaders, responseBody }: ForwardOptions,
): void {
  const { socket } = response;
  const transform = responseBody?.(incoming) ?? null;
  const endToEnd = responseHeaders(withoutHopByHop(incoming.rawHeaders));
  const headers = transform === null ? endToEnd : mapHeaders(endToEnd, withoutLength);
  response.sendDate = false;
  socket?.cork();
  response.writeHead(incoming.statusCode ?? 502, reasonPhrase(incoming), headers);
  // Node's `flushHeaders` would write the head as UTF-8: two bytes for each one above 127.
  response.write('', 'latin1');
  setImmediate(() => socket?.uncork());
  incoming.on('error', () => response.destroy());
  incoming.on('close', () => {
    // The visitor's connection breaks off too; otherwise half a file would look complete.
    if (!incoming.complete) response.destroy();
  });
  incoming.on('end', () => response.addTrailers(allowedTrailers(incoming.rawTrailers)));
  if (transform === null) incoming.pipe(response);
  else incoming.pipe(transform).pipe(response);
}

/** Forwards one request. Calls `onFailure` at most once, and only before any part of a response was sent. */
export function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  forwarding: ForwardOptions,
  onFailure: (failure: UpstreamFailure) => void,
): void {
  const mayRepeat = IDEMPOTENT_METHODS.has(request.method ?? '') && !hasBody(request);
  const use = mayRepeat ? 'pooled' : 'single-use';
  const outgoing = openUpstreamRequest(request, forwarding, use, framingHeaders(request));
  const toVisitor = (headers: HeaderList) => forwarding.responseHeaders(withoutHopByHop(headers));
  let isDone = false;
  const fail = (failure: UpstreamFailure, isReset = false) => {
    if (isDone) return;
    isDone = true;
    request.unpipe(outgoing);
    if (response.destroyed || response.headersSent) return;
    if (isReset && mayRepeat && outgoing.reusedSocket)
      forwardRequest(request, response, forwarding, onFailure);
    else onFailure(failure);
  };
  limitInformationalResponses(outgoing, ({ statusCode, rawHeaders }) => {
    // Only 103 (Early Hints) is for the visitor; a 100 answers this proxy. HTTP/1.0 has no informational responses.
    if (statusCode !== 103 || request.httpVersion === '1.0' || response.headersSent) return;
    // Hints are optional. They are not buffered for a visitor who reads slowly or still receives an earlier response.
    if (response.socket?.writableNeedDrain !== false) return;
    response.writeInformation(103, toVisitor(rawHeaders));
  });
  outgoing.on('response', (incoming) => {
    const { statusCode = 0 } = incoming;
    // The caller may already have sent its own response.
    if (isDone || response.headersSent || statusCode < 200) {
      outgoing.destroy();
      return fail('not-http');
    }
    isDone = true;
    drainBodyAfterResponse(request, response);
    streamResponse(incoming, response, forwarding);
  });
  outgoing.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    if (code.startsWith('HPE_')) return fail('not-http');
    fail(code === 'ECONNREFUSED' ? 'refused' : 'interrupted', code === 'ECONNRESET' || code === 'EPIPE');
  });
  // An unrequested 101 ends a request without an error event.
  outgoing.on('close', () => fail('not-http'));
  response.on('error', () => response.destroy());
  response.once('close', () => outgoing.destroy());
  request.on('error', () => outgoing.destroy());
  request.on('end', () => {
    if (request.rawTrailers.length > 0) outgoing.addTrailers(allowedTrailers(request.rawTrailers));
  });
  request.pipe(outgoing);
  // A streaming visitor may wait for the response's head before sending the body, so our head can't wait for the body.
  if (hasBody(request))
    setImmediate(() => outgoing.destroyed || outgoing.writableEnded || outgoing.write('', 'latin1'));
}
