/** The API client: errors of the daemon, and a daemon that is killed while it answers. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../../../orchestrator/api/client.ts';
import { problemOf } from '../../../../orchestrator/errors.ts';
import { silentProgress } from '../../../support/progress.ts';

async function withDaemon(
  listener: RequestListener,
  task: (client: ApiClient) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-client-'));
  const path = join(folder, 'api.sock');
  const server = createServer(listener).listen(path);
  await once(server, 'listening');
  try {
    await task(new ApiClient(path));
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

test('a daemon that is killed during a response is reported as not running', () =>
  withDaemon(
    (request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('[', () => request.socket.destroy());
    },
    (client) => expect(client.list()).rejects.toMatchObject({ code: 'not-running' }),
  ));

test('a daemon that is killed during an operation is reported as not running', () =>
  withDaemon(
    (request, response) => {
      response.writeHead(200).write('{"kind":"step","id":"a","text":"b"}\n', () => request.socket.destroy());
    },
    (client) =>
      expect(client.start('alice', false, silentProgress)).rejects.toMatchObject({ code: 'not-running' }),
  ));

test('an error arrives complete, with the time at which it ends', () => {
  const error = {
    code: 'edge',
    what: 'The rate limit is reached.',
    next: 'No action is needed.',
    nextForStudent: 'Tell your instructor.',
    until: '2026-01-01T12:00:43.000Z',
  };
  return withDaemon(
    (_request, response) => void response.writeHead(500).end(JSON.stringify({ error })),
    async (client) => {
      const thrown: unknown = await client.sync(true).catch((reason: unknown) => reason);
      expect(problemOf(thrown)).toEqual(error);
      await expect(client.list()).rejects.toMatchObject({ problem: error });
    },
  );
});

test('a daemon of another version that does not know a request is reported, with the way to stop it', () =>
  withDaemon(
    // What Fastify answers for an unknown path.
    (_request, response) =>
      void response
        .writeHead(404)
        .end('{"message":"Route POST:/x not found","error":"Not Found","statusCode":404}'),
    async (client) => {
      const problem = {
        code: 'busy',
        what: expect.stringMatching(/another version of devenv/),
        next: expect.stringMatching(/^Stop it: kill \$\(cat \/.*\/daemon\.pid\)\. Then run: devenv up$/),
      };
      await expect(client.list()).rejects.toMatchObject(problem);
      await expect(client.start('alice', false, silentProgress)).rejects.toMatchObject(problem);
    },
  ));

test('a daemon that is killed after the result does not fail the operation', () => {
  let connection: Socket | null = null;
  return withDaemon(
    (request, response) => {
      connection = request.socket;
      response.writeHead(200).write('{"kind":"done","result":{"student":null}}\n');
    },
    async (client) => {
      await client.remove('alice', false, silentProgress);
      connection?.destroy();
      // An unhandled error of the response would end the process in one of the next turns of the event loop.
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
  );
});
