/** Real dev servers, started with a plain `npm run dev`, not a line of their projects changed. */
import { execFileSync } from 'node:child_process';
import { Installation, removeLeftovers } from '../support/installation.ts';
import { placeProject } from '../support/project.ts';
import { openSocket } from '../support/socket.ts';
import type { Terminal } from '../support/terminal.ts';
import { waitFor } from '../support/wait.ts';

let devenv: Installation;
let terminal: Terminal;

const edit = (script: string) =>
  execFileSync('docker', ['exec', '-u', '1000:1000', `devenv-${devenv.instance}-alice`, 'sh', '-c', script]);

async function start(project: string): Promise<void> {
  await placeProject(devenv, 'alice', project);
  terminal = devenv.terminal(['shell', 'alice']);
  await terminal.see(/\$ $/, { timeoutMs: 15_000 });
  terminal.type(`cd ~/${project} && npm run dev\r`);
  await terminal.see(/live at http:\/\/alice\.localhost/, { timeoutMs: 60_000 });
}

/** Leaves, and sees that the link goes with it. */
async function leave(): Promise<void> {
  terminal.type('\x03');
  await terminal.see(/\$ $/, { timeoutMs: 15_000 });
  terminal.type('exit\r');
  await terminal.ended;
  await waitFor('the link to be gone', async () => (await devenv.visit('alice')).status === 404);
}

const origin = () => `http://${devenv.hostname('alice')}:${devenv.edgePort}`;

beforeAll(async () => {
  await removeLeftovers();
  devenv = await Installation.make();
  await devenv.succeed('create', 'alice');
}, 600_000);

afterAll(async () => {
  await devenv.remove();
}, 60_000);

test('Vite, on a port and an address of its own: page, and hot reload over its WebSocket', async () => {
  await start('vite');
  const page = await devenv.visit('alice');
  expect(page.status).toBe(200);
  expect(page.body).toContain('vite fixture');
  const client = await devenv.visit('alice', '/@vite/client');
  const token = client.body.match(/wsToken = "([^"]+)"/)?.[1];
  expect(token).toBeDefined();
  const { socket, messages } = await openSocket(devenv, 'alice', `/?token=${token}`, ['vite-hmr']);
  await waitFor('the greeting of hot reload', () =>
    messages.some((message) => message.includes('connected')),
  );
  edit("sed -i 's/vite fixture/changed/' /home/student/vite/index.html");
  await waitFor('the news of a change', () => messages.some((message) => message.includes('full-reload')));
  socket.close();
  await leave();
}, 180_000);

test('Next: page, and hot reload over its WebSocket', async () => {
  await start('next');
  const page = await waitFor(
    'the first page to be compiled',
    async () => {
      const answer = await devenv.visit('alice', '/', { timeoutMs: 60_000 });
      return answer.status === 200 && answer;
    },
    { timeoutMs: 90_000 },
  );
  expect(page.body).toContain('next fixture');
  const { socket, messages } = await openSocket(
    devenv,
    'alice',
    `/_next/hmr?id=${page.body.match(/__next_r="([^"]+)"/)?.[1]}`,
  );
  await waitFor('the greeting of hot reload', () => messages.length > 0);
  const before = messages.length;
  edit("sed -i 's/next fixture/changed/' /home/student/next/app/page.js");
  await waitFor('the news of a change', () => messages.length > before, { timeoutMs: 30_000 });
  socket.close();
  await leave();
}, 300_000);

test('Express on $PORT: page, form, redirect, cookie, headers, WebSocket', async () => {
  await start('express');
  expect((await devenv.visit('alice')).body).toBe('express fixture');
  const port = devenv.env.DEVENV_FIRST_PORT;
  const form = await devenv.visit('alice', '/form', {
    method: 'POST',
    headers: { origin: origin(), 'content-type': 'application/x-www-form-urlencoded' },
    body: 'name=value',
  });
  expect(JSON.parse(form.body)).toEqual({ form: { name: 'value' }, origin: `http://localhost:${port}` });
  expect((await devenv.visit('alice', '/away')).headers.location).toBe(`${origin()}/`);
  expect((await devenv.visit('alice', '/cookie')).headers['set-cookie']).toEqual(['a=1; Path=/']);
  const seen = JSON.parse(
    (await devenv.visit('alice', '/seen', { headers: { origin: 'https://evil.example' } })).body,
  );
  expect(seen).toMatchObject({ host: `localhost:${port}`, origin: 'https://evil.example' });
  expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['x-forwarded-host']));
  const { socket, messages } = await openSocket(devenv, 'alice', '/socket');
  socket.send('hello');
  await waitFor('the echo', () => messages.includes('echo hello'));
  expect(messages[0]).toBe(`http://localhost:${port}`);
  // Public only while in use: who is still connected is cut off when the student leaves.
  const cut = new Promise((resolve) => socket.once('close', resolve));
  await leave();
  await cut;
}, 180_000);
