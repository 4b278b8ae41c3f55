/** What a fault makes of a call: whether it takes effect, and how it ends. */

import { type ApiResponse, refusalResponse } from './api-handler.ts';
import type { FaultSpec } from './faults.ts';
import { authenticationError, internalError, throttled } from './refusals.ts';
import { successBody } from './route-types.ts';

/** How a call ends. */
export type CallResult =
  | { how: 'answer'; answer: ApiResponse; headers?: Record<string, string>; type?: string }
  /** The head and the first half of the body; then the connection closes, or is silent for ever. */
  | { how: 'half'; answer: ApiResponse; closes: boolean }
  | { how: 'reset' }
  | { how: 'silence' };

const proxyPage = (title: string) =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`;

/** Whether the API gets to see the call, so that it takes effect if it is right. */
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

export function resultOf(fault: FaultSpec | null, answer: ApiResponse | null): CallResult {
  switch (fault?.kind) {
    case 'refused':
      return { how: 'answer', answer: refusalResponse(authenticationError()) };
    case 'server-error':
      return { how: 'answer', answer: refusalResponse(internalError()) };
    case 'rate-limited': {
      const { retryAfter = 1, bare = false } = fault;
      const headers: Record<string, string> = retryAfter === null ? {} : { 'retry-after': `${retryAfter}` };
      if (!bare) return { how: 'answer', answer: refusalResponse(throttled()), headers };
      const page = { status: 429, body: proxyPage('429 Too Many Requests'), applied: false };
      return { how: 'answer', answer: page, headers, type: 'text/html' };
    }
    case 'html': {
      const page = { status: fault.status ?? 502, body: proxyPage('502 Bad Gateway'), applied: false };
      return { how: 'answer', answer: page, type: 'text/html' };
    }
    case 'timeout':
      return { how: 'silence' };
    case 'reset-before':
    case 'reset-after':
      return { how: 'reset' };
    case 'stalled-body': {
      const nothingDone = { status: 200, body: successBody({ result: null }), applied: false };
      return { how: 'half', answer: answer ?? nothingDone, closes: false };
    }
    case 'broken-body':
      return answer === null ? { how: 'silence' } : { how: 'half', answer, closes: true };
    case undefined:
    case 'slow':
    case 'bad-json': {
      if (answer === null) return { how: 'silence' };
      const body = fault?.kind === 'bad-json' ? answer.body.slice(0, answer.body.length / 2) : answer.body;
      return { how: 'answer', answer: { ...answer, body } };
    }
  }
}
