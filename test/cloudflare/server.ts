/** The HTTP side: receives a call, lets it take its time, breaks it where a fault says so, and writes it down. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Answer, handle, type ReceivedBody, refusalAnswer } from './api-handler.ts';
import { type Call, type CallHook, type CallPhase, isWrite, type Overlap } from './calls.ts';
import type { FaultSpec, Faults } from './faults.ts';
import { halfLatency, type Latency, pause } from './latency.ts';
import type { Random } from './random.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { authenticationError, internalError, throttled } from './refusals.ts';
import { findOperation } from './router.ts';
import type { World } from './world.ts';

export const BASE_PATH = '/client/v4';

export interface ServerParts {
  world: World;
  faults: Faults;
  limiter: RateLimiter;
  latency: Latency;
  random: Random;
  now: () => number;
  /** Read at every phase, so that it may change. */
  hook: () => CallHook | null;
}

/** How a call ends. */
type Ending =
  | { how: 'answer'; answer: Answer; headers?: Record<string, string>; type?: string }
  | { how: 'reset' }
  | { how: 'silence' };

const PROXY_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n';

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
  readonly #parts: ServerParts;
  readonly #writing = new Set<Call>();

  constructor(parts: ServerParts) {
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
    const { latency, random, faults, world, limiter } = this.#parts;
    const url = new URL(request.url ?? '/', 'http://mock');
    const below = url.pathname.startsWith(`${BASE_PATH}/`) ? url.pathname.slice(BASE_PATH.length) : null;
    const found = findOperation(request.method ?? '', below ?? url.pathname);
    const call = this.#begin(
      request,
      (below ?? url.pathname) + url.search,
      found.operation?.kind ?? 'unknown',
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
      await pause(half);
      await this.#tell(call, 'before');
      const fault = faults.draw(call);
      call.fault = fault?.name ?? null;
      if (fault?.name === 'slow') await pause(fault.ms);
      let answer: Answer | null = null;
      if (takesEffect(fault)) {
        answer = handle(world, limiter, { found, headers: request.headers, query: url.searchParams, body });
        call.applied = answer.applied;
        await this.#tell(call, 'applied');
      } else limiter.take();
      await pause(half);
      const ending = end(fault, answer);
      switch (ending.how) {
        case 'answer':
          this.#answer(call, response, ending);
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

  #answer(call: Call, response: ServerResponse, ending: Extract<Ending, { how: 'answer' }>): void {
    const { status, body } = ending.answer;
    if (response.destroyed) return;
    call.status = status;
    response
      .writeHead(status, {
        'content-type': ending.type ?? 'application/json',
        'content-length': Buffer.byteLength(body),
        'cf-ray': `${call.number.toString(16).padStart(16, '0')}-AMS`,
        ...this.#parts.limiter.headers(),
        ...ending.headers,
      })
      .end(body);
  }
}

/** Whether the API gets to see the call, so that it takes effect if it is right. */
function takesEffect(fault: FaultSpec | null): boolean {
  switch (fault?.name) {
    case undefined:
    case 'reset-after':
    case 'bad-json':
    case 'slow':
      return true;
    case 'server-error':
    case 'html':
    case 'timeout':
      return fault.applied === true;
    case 'refused':
    case 'rate-limited':
    case 'reset-before':
      return false;
  }
}

function end(fault: FaultSpec | null, answer: Answer | null): Ending {
  switch (fault?.name) {
    case 'refused':
      return { how: 'answer', answer: refusalAnswer(authenticationError()) };
    case 'server-error':
      return { how: 'answer', answer: refusalAnswer(internalError()) };
    case 'rate-limited': {
      const headers = { 'retry-after': String(fault.retryAfter ?? 1) };
      return { how: 'answer', answer: refusalAnswer(throttled()), headers };
    }
    case 'html': {
      const page = { status: fault.status ?? 502, body: PROXY_PAGE, applied: false };
      return { how: 'answer', answer: page, type: 'text/html' };
    }
    case 'timeout':
      return { how: 'silence' };
    case 'reset-before':
    case 'reset-after':
      return { how: 'reset' };
    case undefined:
    case 'slow':
    case 'bad-json': {
      if (answer === null) return { how: 'silence' };
      const body = fault?.name === 'bad-json' ? answer.body.slice(0, answer.body.length / 2) : answer.body;
      return { how: 'answer', answer: { ...answer, body } };
    }
  }
}
