import type { StudentView } from '../../orchestrator/student-view.ts';
import { Installation } from '../support/installation.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;

beforeAll(async () => {
  devenv = await Installation.make();
});

afterAll(async () => {
  await devenv.remove();
});

test('`create` makes a student and prints the shell command, the port and the link', async () => {
  const { code, stdout, stderr } = await devenv.devenv(['create', 'alice']);
  expect(`${code} ${code === 0 ? '' : stderr}`).toBe('0 ');
  expect(stdout).toContain('devenv shell alice');
  expect(stdout).toContain(devenv.env.DEVENV_FIRST_PORT);
  expect(stdout).toContain(`http://alice.localhost:${devenv.edgePort}`);
});

test('before the student opens a shell, the link is the same 404 as for an unknown name', async () => {
  const answer = await devenv.visit('alice');
  expect(answer.status).toBe(404);
  const unknown = await devenv.visit('nobody-at-all');
  expect(unknown.status).toBe(404);
  expect(answer.body.replaceAll('alice', '')).toBe(unknown.body.replaceAll('nobody-at-all', ''));
});

test('`npm run dev` makes the page public, and `exit` closes the link', async () => {
  const terminal = devenv.terminal(['shell', 'alice']);
  const link = `http://alice.localhost:${devenv.edgePort}`;
  // The welcome comes at the first prompt, with port and link.
  await terminal.see(/\$ $/);
  expect(terminal.text).toContain(link);
  expect(terminal.text).toContain(devenv.env.DEVENV_FIRST_PORT);

  await terminal.run('cd ~/hello');
  terminal.type('npm run dev\r');
  await terminal.see(new RegExp(`live at ${link}`));
  const page = await devenv.visit('alice');
  expect(page.status).toBe(200);
  expect(page.headers['x-robots-tag']).toContain('noindex');
  expect(terminal.text.match(/live at/g)).toHaveLength(1);

  const view = await devenv.json<StudentView>('status', 'alice');
  expect(view.link).toMatchObject({
    phase: 'open',
    live: true,
    reason: 'serving',
  });
  expect(view.sessions).toHaveLength(1);

  // Ctrl-C: the link stays, with the relay's page, until the student leaves.
  terminal.type('\x03');
  await waitFor('the waiting page', async () => (await devenv.statusOf('alice')) === 503);
  terminal.type('exit\r');
  expect(await terminal.ended).toBe(130);
  await waitFor('the link to be gone', async () => (await devenv.statusOf('alice')) === 404);
});

test('a second `create` is refused and changes nothing', async () => {
  const before = await devenv.json<StudentView>('status', 'alice');
  const { code, stderr } = await devenv.devenv(['create', 'alice']);
  expect(code).toBe(2);
  expect(stderr).toContain("already a student called 'alice'");
  const after = await devenv.json<StudentView>('status', 'alice');
  expect(after.createdAt).toBe(before.createdAt);
});

test('`rm` without a terminal needs --yes, and removes the student completely', async () => {
  const refused = await devenv.devenv(['rm', 'alice']);
  expect(refused.code).toBe(2);
  await devenv.succeed('rm', 'alice', '--yes');
  expect(await devenv.json<StudentView[]>('list')).toEqual([]);
  expect((await devenv.devenv(['status', 'alice'])).code).toBe(2);
});
