/** What visitors notice of the orchestrator's end and of the local edge's. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import type { DaemonView } from '../../orchestrator/api/contract.ts';
import { findEdge } from '../../orchestrator/edges/local/launch.ts';
import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation } from '../support/installation.ts';
import { waitFor } from '../support/wait.ts';

/** Answers with a line for each connection to its second port, and never ends the answer. */
const SERVER = `const http = require('http'); const open = [];
http.createServer((q, r) => { if (q.url === '/page') return r.end('page'); open.push(r); r.write('begin ') }).listen(5173);
http.createServer((q, r) => { open.forEach((each) => each.write('next ')); r.end() }).listen(5999, '127.0.0.1')`;

let devenv: Installation;

beforeAll(async () => {
  devenv = await Installation.make();
  await devenv.succeed('create', 'alice');
});
afterAll(() => devenv.remove());

const edges = () => findEdge(join(devenv.stateDir, 'edge.sock'));

test('a crash of the orchestrator cuts no visitor, the next one continues, and `down` ends the edge', async () => {
  const serving = devenv.terminal(['shell', 'alice'], { columns: 200 });
  await serving.see(/\$ $/);
  serving.type(`devenv-port 5173; node -e "${SERVER.replaceAll('\n', ' ')}"\r`);
  await waitFor('the link', async () => (await devenv.json<StudentView>('status', 'alice')).link.live);
  const other = devenv.terminal(['shell', 'alice']);
  await other.see(/\$ $/);

  const host = `${devenv.hostname('alice')}:${devenv.edgePort}`;
  const visit = request({ port: devenv.edgePort, host: '127.0.0.1', headers: { host } }).end();
  const [incoming] = (await once(visit, 'response')) as [IncomingMessage];
  let received = '';
  incoming.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  const receiveNext = async (count: number) => {
    await other.run('curl -s http://127.0.0.1:5999/');
    await waitFor('the next part', () => received === `begin ${'next '.repeat(count)}`);
  };
  await receiveNext(1);

  const [edge] = edges();
  const { pid } = await devenv.json<DaemonView>('up');
  process.kill(pid, 'SIGKILL');
  await receiveNext(2);
  expect((await devenv.visit('alice', '/page')).body).toBe('page');
  await devenv.succeed('up');
  await waitFor('the link', async () => (await devenv.json<StudentView>('status', 'alice')).link.live);
  await receiveNext(3);
  expect(edges()).toEqual([edge]);

  process.kill(edge ?? 0, 'SIGKILL');
  const page = () =>
    devenv.visit('alice', '/page').then(
      ({ body }) => body,
      () => null,
    );
  await waitFor('another edge', async () => (await page()) === 'page');
  expect(edges()).not.toContain(edge);
  expect((await devenv.json<DaemonView>('up')).problem).toBeNull();

  await devenv.succeed('down');
  expect(edges()).toEqual([]);
  await expect(devenv.visit('alice', '/page')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
