/**
 * Serves the backend over a unix socket that only the installation's user may open. Long operations stream their
 * progress as JSON lines; whoever hangs up has cancelled theirs.
 */
import { chmodSync, rmSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Progress } from '../domain.ts';
import { DevenvError, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Backend } from './backend.ts';
import { OPERATION_HEADER, type ProgressEvent, type StudentView } from './contract.ts';

export interface ApiOptions {
  socketPath: string;
  backend: Backend;
  log: Log;
}

const Name = Type.Object({ name: Type.String({ maxLength: 200 }) });
const Lines = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 200 })),
  lines: Type.Integer({ minimum: 1, maximum: 100_000, default: 100 }),
});
const Opening = Type.Object({ adopt: Type.Boolean({ default: false }) });
const Sync = Type.Object({ mend: Type.Boolean({ default: true }) });
const Removal = Type.Object({ keepHome: Type.Boolean({ default: false }) });

type Operation = (progress: Progress, signal: AbortSignal) => Promise<StudentView | null>;

/** HTTP status of a problem: only ever read by our own client, but right for a person with curl. */
function statusOf(error: unknown): number {
  if (!(error instanceof DevenvError)) return 500;
  switch (error.code) {
    case 'not-found':
      return 404;
    case 'bad-input':
    case 'bad-settings':
      return 400;
    case 'exists':
    case 'conflict':
    case 'busy':
      return 409;
    default:
      return 500;
  }
}

export async function startApi({
  socketPath,
  backend,
  log,
}: ApiOptions): Promise<{ close(): Promise<void> }> {
  const app = Fastify({ logger: false, forceCloseConnections: 'idle' });
  const running = new Set<Promise<void>>();
  const operations = new Map<string, AbortController>();

  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof DevenvError)) log.error({ err: error }, 'a request failed');
    void reply.status(statusOf(error)).send({ error: problemOf(error) });
  });

  /** Runs an operation and streams it. It is waited for even where nobody listens any more. */
  function stream(request: FastifyRequest, reply: FastifyReply, operation: Operation) {
    const lines = new PassThrough();
    const tell = (event: ProgressEvent) => {
      if (!lines.destroyed) lines.write(`${JSON.stringify(event)}\n`);
    };
    const cancelled = new AbortController();
    request.raw.socket.once('close', () => cancelled.abort());
    const id = request.headers[OPERATION_HEADER];
    if (typeof id === 'string') operations.set(id, cancelled);
    const progress: Progress = {
      step: (id, text) => tell({ event: 'step', id, text }),
      done: (id, text) => tell({ event: 'step-done', id, text }),
      warn: (text) => tell({ event: 'warning', text }),
    };
    const work = (async () => {
      try {
        const student = await operation(progress, cancelled.signal);
        tell({ event: 'done', result: { student } });
      } catch (error) {
        const problem = cancelled.signal.aborted ? cancelledProblem : problemOf(error);
        log.warn({ err: error, url: request.url, code: problem.code }, 'an operation failed');
        tell({ event: 'failed', problem });
      }
      lines.end();
    })();
    running.add(work);
    void work.finally(() => {
      running.delete(work);
      if (typeof id === 'string') operations.delete(id);
    });
    return reply.type('application/x-ndjson').send(lines);
  }

  const cancelledProblem = {
    code: 'cancelled',
    what: 'Cancelled.',
    next: 'What was begun is undone; run the command again at any time.',
  } as const;

  app.get('/daemon', async () => backend.daemon());
  app.get('/students', async () => backend.list());
  app.get<{ Params: { name: string } }>('/students/:name', { schema: { params: Name } }, async ({ params }) =>
    backend.get(params.name),
  );
  app.get<{ Params: { name: string } }>(
    '/students/:name/access',
    { schema: { params: Name } },
    async ({ params }) => backend.access(params.name),
  );
  app.post<{ Body: { name: string } }>('/students', { schema: { body: Name } }, (request, reply) =>
    stream(request, reply, (progress, signal) => backend.create(request.body.name, progress, signal)),
  );
  app.delete<{ Params: { name: string }; Querystring: { keepHome: boolean } }>(
    '/students/:name',
    { schema: { params: Name, querystring: Removal } },
    (request, reply) =>
      stream(request, reply, async (progress) => {
        await backend.remove(request.params.name, request.query.keepHome, progress);
        return null;
      }),
  );
  const deeds: Record<string, (name: string) => Operation> = {
    start: (name) => (progress, signal) => backend.start(name, progress, signal),
    stop: (name) => (progress) => backend.stop(name, progress),
    restart: (name) => (progress, signal) => backend.restart(name, progress, signal),
    close: (name) => () => backend.close(name),
  };
  for (const [deed, operation] of Object.entries(deeds)) {
    app.post<{ Params: { name: string } }>(
      `/students/:name/${deed}`,
      { schema: { params: Name } },
      (request, reply) => stream(request, reply, operation(request.params.name)),
    );
  }
  app.post<{ Params: { name: string }; Querystring: { adopt: boolean } }>(
    '/students/:name/open',
    { schema: { params: Name, querystring: Opening } },
    (request, reply) => stream(request, reply, () => backend.open(request.params.name, request.query.adopt)),
  );
  app.post<{ Querystring: { mend: boolean } }>(
    '/sync',
    { schema: { querystring: Sync } },
    async ({ query }) => backend.sync(query.mend),
  );
  app.delete<{ Params: { name: string } }>(
    '/operations/:name',
    { schema: { params: Name } },
    async ({ params }) => {
      operations.get(params.name)?.abort();
      return { ok: true };
    },
  );
  app.get<{ Querystring: { name?: string; lines: number } }>(
    '/logs',
    { schema: { querystring: Lines } },
    async ({ query }) => backend.logs(query.name ?? null, query.lines),
  );
  app.get('/examination', async () => backend.diagnose());
  app.post('/shutdown', async (_request, reply) => {
    await reply.send({ ok: true });
    backend.shutdown();
  });

  // A daemon that was killed leaves its socket; the instance's lock says that nobody listens on it.
  rmSync(socketPath, { force: true });
  await app.listen({ path: socketPath });
  chmodSync(socketPath, 0o600);
  return {
    async close() {
      await Promise.all(running);
      await app.close();
    },
  };
}
