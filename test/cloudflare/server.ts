/** The HTTP side of the mock: receives calls, delays them, applies faults, and records every call. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { CloudflareAccount } from './account.ts';
import { type ApiResponse, handleRequest, type ReceivedBody } from './api-handler.ts';
import { type CallResult, isExecuted, resultOf } from './call-result.ts';
import { type Call, type CallHook, type CallPhase, isWrite, type Overlap } from './calls.ts';
import type { Faults } from './faults.ts';
import { delay, halfLatency, type Latency } from './latency.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { matchRoute, type RouteMatch } from './router.ts';
import type { Random } from './seeded-random.ts';

export const BASE_PATH = '/client/v4';

export interface ServerDeps {
  account: CloudflareAccount;
  faults: Faults;
  limiter: RateLimiter;
  latency: Latency;
  random: Random;
  now: () => number;
  /** Returns the current hook. Called in every phase, so that the hook can change. */
  hook: () => CallHook | null;
}

/** Null if the client closed the connection before the body was complete. */
async function receiveBody(request: IncomingMessage): Promise<ReceivedBody | null> {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  try {
    await once(request, 'end');
  } catch {
    return null;
  }
  const text = Buffer.concat(chunks).toString();
  if (text === '') return { kind: 'none' };
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'text', text };
  }
}

function bodyValue(body: ReceivedBody): unknown {
  switch (body.kind) {
    case 'none':
      return undefined;
    case 'json':
      return body.value;
    case 'text':
      return body.text;
  }
}

/** One call with everything that its handling needs. */
interface Exchange {
  call: Call;
  match: RouteMatch;
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
  /** Set before the mock itself breaks the connection, so that the call does not count as abandoned. */
  isBrokenByMock: boolean;
}

export class ApiServer {
  readonly calls: Call[] = [];
  readonly overlaps: Overlap[] = [];
  /** Errors thrown by a hook or by the mock itself. Stopping the mock reports the first one. */
  readonly defects: unknown[] = [];
  readonly http: Server;
  readonly #deps: ServerDeps;
  readonly #writesInFlight = new Set<Call>();

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    // Without timeouts the server never closes an idle connection just when a client sends on it. Such a reset would
    // look like a fault that no test asked for.
    this.http = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true });
    this.http.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.defects.push(error);
        response.destroy();
      });
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = this.#begin(request, response);
    const { call } = exchange;
    response.once('close', () => {
      if (!response.writableFinished && !exchange.isBrokenByMock) call.abandoned = true;
    });
    try {
      const body = await receiveBody(request);
      if (body === null) return;
      call.body = bodyValue(body);
      const result = await this.#execute(exchange, body);
      await this.#send(exchange, result);
    } finally {
      call.endedAt = this.#deps.now();
      this.#writesInFlight.delete(call);
    }
    await this.#runHook(call, 'answered');
  }

  #begin(request: IncomingMessage, response: ServerResponse): Exchange {
    const url = new URL(request.url ?? '/', 'http://mock');
    const isBelowBase = url.pathname.startsWith(`${BASE_PATH}/`);
    const path = isBelowBase ? url.pathname.slice(BASE_PATH.length) : url.pathname;
    const match = matchRoute(request.method ?? '', path);
    const call: Call = {
      number: this.calls.length + 1,
      method: request.method ?? '',
      path: path + url.search,
      kind: match.kind === 'operation' ? match.operation.kind : 'unknown',
      startedAt: this.#deps.now(),
      endedAt: null,
      status: null,
      applied: false,
      abandoned: false,
      fault: null,
      body: undefined,
      retry: Number(request.headers['x-stainless-retry-count'] ?? 0),
    };
    this.calls.push(call);
    if (isWrite(call.kind)) {
      for (const first of this.#writesInFlight) this.overlaps.push({ first, second: call });
      this.#writesInFlight.add(call);
    }
    return { call, match, query: url.searchParams, request, response, isBrokenByMock: false };
  }

  /** Executes the call between the two halves of its latency, unless a fault prevents that. */
  async #execute({ call, match, query, request }: Exchange, body: ReceivedBody): Promise<CallResult> {
    const { account, faults, latency, limiter, random } = this.#deps;
    const halfMs = halfLatency(latency, random);
    await delay(halfMs);
    await this.#runHook(call, 'before');
    const fault = faults.pickFor(call);
    call.fault = fault?.kind ?? null;
    if (fault?.kind === 'slow') await delay(fault.ms);
    let response: ApiResponse | null = null;
    if (isExecuted(fault)) {
      response = handleRequest(account, limiter, { match, headers: request.headers, query, body });
      call.applied = response.applied;
      await this.#runHook(call, 'applied');
    } else limiter.consume();
    await delay(halfMs);
    return resultOf(fault, response);
  }

  async #runHook(call: Call, phase: CallPhase): Promise<void> {
    await this.#deps.hook()?.(call, phase);
  }

  async #send(exchange: Exchange, result: CallResult): Promise<void> {
    const { request, response } = exchange;
    switch (result.kind) {
      case 'response':
        if (response.destroyed) return;
        this.#writeHead(exchange, result);
        response.end(result.response.body);
        return;
      case 'half-response':
        exchange.isBrokenByMock = result.closesConnection;
        return this.#sendHalf(exchange, result);
      case 'reset':
        exchange.isBrokenByMock = true;
        request.socket.resetAndDestroy();
        return;
      case 'no-response':
        if (!response.destroyed) await once(response, 'close');
    }
  }

  async #sendHalf(exchange: Exchange, result: Extract<CallResult, { kind: 'half-response' }>): Promise<void> {
    const { response } = exchange;
    if (response.destroyed) return;
    const { body } = result.response;
    this.#writeHead(exchange, result);
    response.write(body.slice(0, body.length / 2));
    // Not a reset, which could discard what was sent before it.
    if (result.closesConnection) response.socket?.destroySoon();
    if (!response.destroyed) await once(response, 'close');
  }

  #writeHead(
    { call, response }: Exchange,
    result: Extract<CallResult, { kind: 'response' | 'half-response' }>,
  ): void {
    const { status, body } = result.response;
    const { headers = {}, contentType = 'application/json' } = result.kind === 'response' ? result : {};
    call.status = status;
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cf-ray': `${call.number.toString(16).padStart(16, '0')}-AMS`,
      ...this.#deps.limiter.headers(),
      ...headers,
    });
  }
}
