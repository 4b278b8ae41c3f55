/** How a fault changes a call: whether the API executes it, and what the client gets to see. */
import { type ApiResponse, refusalResponse } from './api-handler.ts';
import type { FaultSpec } from './fault-spec.ts';
import { authenticationError, internalError, throttled } from './refusals.ts';
import { successBody } from './route-types.ts';

/** What the client of a call gets to see. */
export type CallResult =
  | { kind: 'response'; response: ApiResponse; headers?: Record<string, string>; contentType?: string }
  /** The head and the first half of the body; then the connection is closed, or stays open and silent. */
  | { kind: 'half-response'; response: ApiResponse; closesConnection: boolean }
  | { kind: 'reset' }
  | { kind: 'no-response' };

/** An error page as a proxy in between sends it. */
const proxyPage = (title: string) =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`;

/** Whether the API executes the call, so that it takes effect if it is valid. */
export function isExecuted(fault: FaultSpec | null): boolean {
  switch (fault?.kind) {
    case undefined:
    case 'reset-after':
    case 'bad-json':
    case 'broken-body':
    case 'slow':
      return true;
    case 'server-error':
    case 'html':
    case 'timeout':
    case 'stalled-body':
      return fault.applied === true;
    case 'refused':
    case 'rate-limited':
    case 'reset-before':
      return false;
  }
}

function rateLimitedResult(fault: Extract<FaultSpec, { kind: 'rate-limited' }>): CallResult {
  const { retryAfter = 1, bare = false } = fault;
  const headers: Record<string, string> = retryAfter === null ? {} : { 'retry-after': `${retryAfter}` };
  if (!bare) return { kind: 'response', response: refusalResponse(throttled()), headers };
  const page = { status: 429, body: proxyPage('429 Too Many Requests'), applied: false };
  return { kind: 'response', response: page, headers, contentType: 'text/html' };
}

/** What the client sees; `response` is the API's own response, null if the call was not executed. */
export function resultOf(fault: FaultSpec | null, response: ApiResponse | null): CallResult {
  switch (fault?.kind) {
    case 'refused':
      return { kind: 'response', response: refusalResponse(authenticationError()) };
    case 'server-error':
      return { kind: 'response', response: refusalResponse(internalError()) };
    case 'rate-limited':
      return rateLimitedResult(fault);
    case 'html': {
      const page = { status: fault.status ?? 502, body: proxyPage('502 Bad Gateway'), applied: false };
      return { kind: 'response', response: page, contentType: 'text/html' };
    }
    case 'timeout':
      return { kind: 'no-response' };
    case 'reset-before':
    case 'reset-after':
      return { kind: 'reset' };
    case 'stalled-body': {
      const emptySuccess = { status: 200, body: successBody({ result: null }), applied: false };
      return { kind: 'half-response', response: response ?? emptySuccess, closesConnection: false };
    }
    case 'broken-body':
      return response === null
        ? { kind: 'no-response' }
        : { kind: 'half-response', response, closesConnection: true };
    case undefined:
    case 'slow':
    case 'bad-json': {
      if (response === null) return { kind: 'no-response' };
      const { body } = response;
      const sentBody = fault?.kind === 'bad-json' ? body.slice(0, body.length / 2) : body;
      return { kind: 'response', response: { ...response, body: sentBody } };
    }
  }
}
