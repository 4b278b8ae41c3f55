/** Serves the backend over a unix socket that only the installation's user can open. */
import { chmodSync, rmSync } from 'node:fs';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Egress, Progress } from '../domain.ts';
import { DevenvError, problemOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { StudentView } from '../student-view.ts';
import type { Backend } from './backend.ts';
import { OPERATION_HEADER } from './contract.ts';
import { type Operation, Operations } from './operations.ts';

export interface ApiOptions {
  socketPath: string;
  backend: Backend;
  log: Log;
}

const NameSchema = Type.Object({ name: Type.String({ maxLength: 200 }) });
const LogsSchema = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 200 })),
  lines: Type.Integer({ minimum: 1, maximum: 100_000, default: 100 }),
});
const OpenSchema = Type.Object({ adopt: Type.Boolean({ default: false }) });
const EgressSchema = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 200 })),
  egress: Type.Union([Type.Literal('internet'), Type.Literal('none')]),
});
const StartSchema = Type.Object({ newHome: Type.Boolean({ default: false }) });
const SyncSchema = Type.Object({ repair: Type.Boolean({ default: true }) });
const RemoveSchema = Type.Object({ keepHome: Type.Boolean({ default: false }) });

type WithName = { Params: { name: string } };

/** HTTP status of an error. Our client ignores it; people with curl see it. */
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

/** Starts an operation and streams its progress as the response. A client that hangs up cancels it. */
function streamOperation(
  operations: Operations,
  request: FastifyRequest,
  reply: FastifyReply,
  operation: Operation,
) {
  const id = request.headers[OPERATION_HEADER];
  const { lines, disconnected } = operations.start(operation, {
    id: typeof id === 'string' ? id : null,
    url: request.url,
  });
  request.raw.socket.once('close', disconnected);
  return reply.type('application/x-ndjson').send(lines);
}

/** Resolves to the student, or to null once the student is removed. */
type StudentOperation = (progress: Progress, signal: AbortSignal) => Promise<StudentView | null>;

/** Streams an operation whose result is a student. */
const streamStudent = (
  operations: Operations,
  request: FastifyRequest,
  reply: FastifyReply,
  operation: StudentOperation,
) =>
  streamOperation(operations, request, reply, async (progress, signal) => ({
    student: await operation(progress, signal),
  }));

/** The routes that answer at once. */
function addQueries(app: FastifyInstance, backend: Backend): void {
  app.get('/daemon', async () => backend.daemon());
  app.post('/daemon/stop', async (_request, reply) => {
    await reply.send({ ok: true });
    backend.stopDaemon();
  });
  app.get('/students', async () => backend.list());
  app.get<WithName>('/students/:name', { schema: { params: NameSchema } }, async ({ params }) =>
    backend.get(params.name),
  );
  app.get<WithName>('/students/:name/access', { schema: { params: NameSchema } }, async ({ params }) =>
    backend.access(params.name),
  );
  app.get<{ Querystring: { name?: string; lines: number } }>(
    '/logs',
    { schema: { querystring: LogsSchema } },
    async ({ query }) => backend.logs(query.name ?? null, query.lines),
  );
  app.post<{ Querystring: { repair: boolean } }>(
    '/sync',
    { schema: { querystring: SyncSchema } },
    async ({ query }) => backend.sync(query.repair),
  );
  app.get('/egress', async () => backend.egress());
  app.post<{ Querystring: { name?: string; egress: Egress } }>(
    '/egress',
    { schema: { querystring: EgressSchema } },
    async ({ query }) => backend.setEgress(query.name ?? null, query.egress),
  );
  app.get('/diagnostics', async () => backend.diagnose());
}

/** The routes that run an operation on a student, and `update`, which all students share. */
function addOperations(app: FastifyInstance, backend: Backend, operations: Operations): void {
  app.post<{ Body: { name: string } }>('/students', { schema: { body: NameSchema } }, (request, reply) =>
    streamStudent(operations, request, reply, (progress, signal) =>
      backend.create(request.body.name, progress, signal),
    ),
  );
  app.delete<WithName & { Querystring: { keepHome: boolean } }>(
    '/students/:name',
    { schema: { params: NameSchema, querystring: RemoveSchema } },
    (request, reply) =>
      streamStudent(operations, request, reply, async (progress) => {
        await backend.remove(request.params.name, request.query.keepHome, progress);
        return null;
      }),
  );
  const named: Record<string, (name: string) => StudentOperation> = {
    stop: (name) => (progress) => backend.stop(name, progress),
    restart: (name) => (progress, signal) => backend.restart(name, progress, signal),
    close: (name) => () => backend.close(name),
  };
  for (const [verb, operationOn] of Object.entries(named)) {
    app.post<WithName>(`/students/:name/${verb}`, { schema: { params: NameSchema } }, (request, reply) =>
      streamStudent(operations, request, reply, operationOn(request.params.name)),
    );
  }
  app.post<WithName & { Querystring: { newHome: boolean } }>(
    '/students/:name/start',
    { schema: { params: NameSchema, querystring: StartSchema } },
    (request, reply) =>
      streamStudent(operations, request, reply, (progress, signal) =>
        backend.start(request.params.name, request.query.newHome, progress, signal),
      ),
  );
  app.post<WithName & { Querystring: { adopt: boolean } }>(
    '/students/:name/open',
    { schema: { params: NameSchema, querystring: OpenSchema } },
    (request, reply) =>
      streamStudent(operations, request, reply, () => backend.open(request.params.name, request.query.adopt)),
  );
  app.post('/update', (request, reply) =>
    streamOperation(operations, request, reply, async (progress, signal) => ({
      student: null,
      image: await backend.update(progress, signal),
    })),
  );
  app.delete<{ Params: { id: string } }>('/operations/:id', async ({ params }) => {
    operations.cancel(params.id);
    return { ok: true };
  });
}

/** Starts the API. `close` resolves once every running operation has ended. */
export async function startApi({
  socketPath,
  backend,
  log,
}: ApiOptions): Promise<{ close(): Promise<void> }> {
  const app = Fastify({ logger: false, forceCloseConnections: 'idle' });
  const operations = new Operations(log);
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof DevenvError)) log.error({ err: error }, 'a request failed');
    void reply.status(statusOf(error)).send({ error: problemOf(error) });
  });
  addQueries(app, backend);
  addOperations(app, backend, operations);

  // A killed daemon leaves its socket behind. The instance lock guarantees that no other daemon listens on it.
  rmSync(socketPath, { force: true });
  await app.listen({ path: socketPath });
  chmodSync(socketPath, 0o600);
  return {
    async close() {
      await operations.finished();
      await app.close();
    },
  };
}
