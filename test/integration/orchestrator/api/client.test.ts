/** The client of a daemon that dies while it answers: whoever asked is told so, and nothing else happens. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../../../orchestrator/api/client.ts';
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

test('in the middle of an answer', () =>
  withDaemon(
    (request, response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('[', () => request.socket.destroy());
    },
    (client) => expect(client.list()).rejects.toMatchObject({ code: 'not-running' }),
  ));

test('in the middle of an operation', () =>
  withDaemon(
    (request, response) => {
      response.writeHead(200).write('{"event":"step","id":"a","text":"b"}\n', () => request.socket.destroy());
    },
    (client) =>
      expect(client.act('start', 'alice', silentProgress)).rejects.toMatchObject({ code: 'not-running' }),
  ));

test('right after its last word', () =>
  withDaemon(
    (request, response) => {
      response
        .writeHead(200)
        .write('{"event":"done","result":{"student":null}}\n', () =>
          setTimeout(() => request.socket.destroy(), 50),
        );
    },
    async (client) => {
      await client.remove('alice', false, silentProgress);
      // An error that nobody waits for would end the process here.
      await new Promise((resolve) => setTimeout(resolve, 150));
    },
  ));
