import type { StudentView } from '../../orchestrator/student-view.ts';
import { browse } from '../support/browse.ts';
import { Installation } from '../support/installation.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;

beforeAll(async () => {
  devenv = await Installation.make({ env: { DEVENV_LINKS: '2' } });
  await devenv.succeed('create', 'alice');
});

afterAll(async () => {
  await devenv.remove();
});

const serve = (port: number) =>
  `node -e 'require("http").createServer((q, r) => r.setHeader("location", "http://localhost:${port}/there").end("port ${port}, " + q.headers.host)).listen(${port})'`;
const visit = (name: string) => {
  const host = `${name}.localhost:${devenv.edgePort}`;
  return browse({ port: devenv.edgePort, host }).catch(() => null);
};

test('each server gets its own link, which the terminal and `status` show, and which closes when the student leaves', async () => {
  const terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/);
  const port = devenv.env.DEVENV_FIRST_PORT ?? '';
  terminal.type(`${serve(Number(port))} &\r`);
  await waitFor('the first link', async () => (await visit('alice'))?.body.startsWith(`port ${port},`));
  expect((await visit('alice-4000'))?.status).toBe(404);
  terminal.type(`${serve(4000)} &\r`);
  const second = await waitFor('the second link', async () => {
    const answer = await visit('alice-4000');
    return answer?.status === 200 && answer;
  });
  expect(second.body).toBe('port 4000, localhost:4000');
  expect(second.headers.location).toBe(`http://alice-4000.localhost:${devenv.edgePort}/there`);
  expect((await visit('alice'))?.body).toBe(`port ${port}, localhost:${port}`);
  const line = new RegExp(`live at http://alice-4000\\.localhost:${devenv.edgePort} `);
  const isSaid = () => {
    // The notice is shown at a prompt, and the next prompt may be too early.
    terminal.type('\r');
    return line.test(terminal.text);
  };
  await waitFor('the second line', isSaid, { everyMs: 300 });
  expect(terminal.text).not.toContain('devenv-port 4000');
  expect(terminal.text).toContain("pages must call it by this address: visitors can't reach localhost:4000)");
  expect((await devenv.json<StudentView>('status', 'alice')).additionalLinks).toEqual([
    { port: 4000, url: `http://alice-4000.localhost:${devenv.edgePort}`, live: true },
  ]);
  expect(await terminal.run('devenv-status')).toContain(`http://alice-4000.localhost:${devenv.edgePort}`);

  const expectTaken = async () => {
    const clash = await devenv.devenv(['create', 'alice-4000']);
    expect([clash.code, clash.stderr]).toEqual([1, expect.stringContaining('another student')]);
  };
  await expectTaken();

  // A server that restarts keeps its link; visitors see the waiting page meanwhile.
  await terminal.run('kill %2; wait %2');
  await waitFor('the waiting page', async () => (await visit('alice-4000'))?.status === 503);
  terminal.type('kill %1; exit\r');
  await terminal.ended;
  await waitFor(
    'both links to be gone',
    async () => (await visit('alice'))?.status === 404 && (await visit('alice-4000'))?.status === 404,
  );
  // The name stays reserved for the student.
  expect((await devenv.json<StudentView>('status', 'alice')).additionalLinks).toEqual([]);
  await expectTaken();
});
