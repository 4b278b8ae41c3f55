/** The HTTP side: receives a call, lets it take its time, breaks it where a fault says so, and writes it down. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { CloudflareAccount } from './account.ts';
import { type ApiResponse, handleRequest, type ReceivedBody } from './api-handler.ts';
import { type CallResult, isExecuted, resultOf } from './call-result.ts';
import { type Call, type CallHook, type CallPhase, isWrite, type Overlap } from './calls.ts';
import type { Faults } from './faults.ts';
import { delay, halfLatency, type Latency } from './latency.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { matchRoute } from './router.ts';
import type { Random } from './seeded-random.ts';

export const BASE_PATH = '/client/v4';

export interface ServerDeps {
  account: CloudflareAccount;
  faults: Faults;
  limiter: RateLimiter;
  latency: Latency;
  random: Random;
  now: () => number;
  /** Read at every phase, so that it may change. */
  hook: () => CallHook | null;
}

/** Null where the client has gone in the middle of it. */
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

export class ApiServer {
  readonly calls: Call[] = [];
  readonly overlaps: Overlap[] = [];
  /** Errors of a hook, or of the mock itself: whoever stops it gets the first. */
  readonly defects: unknown[] = [];
  readonly http: Server;
  readonly #parts: ServerDeps;
  readonly #writing = new Set<Call>();

  constructor(parts: ServerDeps) {
    this.#parts = parts;
    // Nobody's kept connection is closed while they send on it: a reset is a fault, and faults are on demand.
    this.http = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true });
    this.http.on('request', (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.defects.push(error);
        response.destroy();
      });
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { latency, random, faults, account, limiter } = this.#parts;
    const url = new URL(request.url ?? '/', 'http://mock');
    const below = url.pathname.startsWith(`${BASE_PATH}/`) ? url.pathname.slice(BASE_PATH.length) : null;
    const match = matchRoute(request.method ?? '', below ?? url.pathname);
    const call = this.#begin(
      request,
      (below ?? url.pathname) + url.search,
      match.operation?.kind ?? 'unknown',
    );
    let ours = false;
    response.once('close', () => {
      if (!response.writableFinished && !ours) call.abandoned = true;
    });
    try {
      const body = await receiveBody(request);
      if (body === null) return;
      call.body = body.kind === 'json' ? body.value : body.kind === 'text' ? body.text : undefined;
      const half = halfLatency(latency, random);
      await delay(half);
      await this.#tell(call, 'before');
      const fault = faults.draw(call);
      call.fault = fault?.kind ?? null;
      if (fault?.kind === 'slow') await delay(fault.ms);
      let answer: ApiResponse | null = null;
      if (isExecuted(fault)) {
        answer = handleRequest(account, limiter, {
          match,
          headers: request.headers,
          query: url.searchParams,
          body,
        });
        call.applied = answer.applied;
        await this.#tell(call, 'applied');
      } else limiter.consume();
      await delay(half);
      const ending = resultOf(fault, answer);
      switch (ending.how) {
        case 'answer':
          this.#answer(call, response, ending);
          break;
        case 'half':
          ours = ending.closes;
          await this.#answerHalf(call, response, ending);
          break;
        case 'reset':
          ours = true;
          request.socket.resetAndDestroy();
          break;
        case 'silence':
          if (!response.destroyed) await once(response, 'close');
      }
    } finally {
      call.endedAt = this.#parts.now();
      this.#writing.delete(call);
    }
    await this.#tell(call, 'answered');
  }

  #begin(request: IncomingMessage, path: string, kind: Call['kind']): Call {
    const call: Call = {
      number: this.calls.length + 1,
      method: request.method ?? '',
      path,
      kind,
      startedAt: this.#parts.now(),
      endedAt: null,
      status: null,
      applied: false,
      abandoned: false,
      fault: null,
      body: undefined,
      retry: Number(request.headers['x-stainless-retry-count'] ?? 0),
    };
    this.calls.push(call);
    if (isWrite(kind)) {
      for (const first of this.#writing) this.overlaps.push({ first, second: call });
      this.#writing.add(call);
    }
    return call;
  }

  async #tell(call: Call, phase: CallPhase): Promise<void> {
    await this.#parts.hook()?.(call, phase);
  }

  #answer(call: Call, response: ServerResponse, ending: Extract<CallResult, { how: 'answer' }>): void {
    if (response.destroyed) return;
    this.#writeHead(call, response, ending);
    response.end(ending.answer.body);
  }

  async #answerHalf(
    call: Call,
    response: ServerResponse,
    ending: Extract<CallResult, { how: 'half' }>,
  ): Promise<void> {
    if (response.destroyed) return;
    const { body } = ending.answer;
    this.#writeHead(call, response, ending);
    response.write(body.slice(0, body.length / 2));
    // No reset: what was sent before one may never be read.
    if (ending.closes) response.socket?.destroySoon();
    if (!response.destroyed) await once(response, 'close');
  }

  #writeHead(
    call: Call,
    response: ServerResponse,
    ending: Extract<CallResult, { how: 'answer' | 'half' }>,
  ): void {
    const { status, body } = ending.answer;
    const { headers = {}, type = 'application/json' } = ending.how === 'answer' ? ending : {};
    call.status = status;
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cf-ray': `${call.number.toString(16).padStart(16, '0')}-AMS`,
      ...this.#parts.limiter.headers(),
      ...headers,
    });
  }
}
