/** A real browser at a student's link: hot reload, forms, and the waiting page. */
import { execFileSync } from 'node:child_process';
import type { Browser, Page, WebSocket } from 'playwright-core';
import { openBrowser } from '../../support/browser.ts';
import { placeProject } from '../../support/fixture-project.ts';
import { Installation } from '../../support/installation.ts';
import type { Terminal } from '../../support/terminal.ts';
import { openSocket } from '../../support/visitor-socket.ts';
import { WAIT_TIMEOUT_MS, waitFor } from '../../support/wait.ts';

let devenv: Installation;
let browser: Browser;
const browserWait = { timeout: WAIT_TIMEOUT_MS };

const link = (student: string) => `http://${devenv.hostname(student)}:${devenv.edgePort}`;

function edit(student: string, file: string, from: string, to: string): void {
  const script = `sed -i 's/${from}/${to}/' /home/student/${file}`;
  const container = `devenv-${devenv.instance}-${student}`;
  execFileSync('docker', ['exec', container, 'sh', '-c', script]);
}

/** Creates the student with the project and starts its dev server; returns the student's terminal. */
async function start(student: string, project: string): Promise<Terminal> {
  await devenv.succeed('create', student);
  await placeProject(devenv, student, project);
  const terminal = devenv.terminal(['shell', student]);
  await terminal.see(/\$ $/);
  terminal.type(`cd ~/${project} && npm run dev\r`);
  await terminal.see(/live at http/);
  return terminal;
}

/** Marks the window. A reload would remove the mark. */
const mark = (page: Page) => page.evaluate('window.marked = true');
const isMarked = (page: Page) => page.evaluate('window.marked === true');

beforeAll(async () => {
  devenv = await Installation.make();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await devenv.remove();
});

test('Vite: a module and a stylesheet change in the open page; without a server, the waiting page is shown', async () => {
  const terminal = await start('alice', 'vite');
  const page = await browser.newPage();
  await page.goto(link('alice'), browserWait);
  await page.waitForSelector('[data-text="first words"]', browserWait);
  await mark(page);
  edit('alice', 'vite/text.js', 'first words', 'second words');
  await page.waitForSelector('[data-text="second words"]', browserWait);
  edit('alice', 'vite/style.css', '1, 2, 3', '4, 5, 6');
  await page.waitForFunction("getComputedStyle(document.body).color === 'rgb(4, 5, 6)'", null, browserWait);
  expect(await isMarked(page)).toBe(true);

  await terminal.interrupt();
  const plain = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  for (const each of [page, plain]) {
    await waitFor('the waiting page', async () => (await each.goto(link('alice')))?.status() === 503);
    expect(await each.textContent('h1')).toBe('alice’s app');
  }
  terminal.type('npm run dev\r');
  await page.waitForSelector('[data-text="second words"]', browserWait);
  await plain.waitForSelector('text=vite fixture', browserWait);
  terminal.kill();
});

test('the waiting page fits a phone, and is dark for visitors who prefer that', async () => {
  const colorSchemes = ['light', 'dark'] as const;
  const backgrounds = new Set<unknown>();
  await devenv.succeed('create', 'carol');
  await devenv.succeed('open', 'carol');
  for (const colorScheme of colorSchemes) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 320, height: 480 } });
    const page = await context.newPage();
    for (const [student, status] of [
      ['carol', 503],
      ['unknown-student', 404],
    ] as const) {
      await waitFor('the page', async () => (await page.goto(link(student)))?.status() === status);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
      backgrounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
    }
    await context.close();
  }
  expect(backgrounds.size).toBe(colorSchemes.length);
});

test('Next: a component changes in the open page, and its form reaches the server action', async () => {
  const terminal = await start('bob', 'next');
  const page = await browser.newPage();
  const usedSockets = new Set<WebSocket>();
  page.on('websocket', (socket) => {
    socket.on('framereceived', () => usedSockets.add(socket));
    socket.on('close', () => usedSockets.delete(socket));
  });
  await page.goto(link('bob'), { timeout: 120_000 });
  await page.waitForSelector('text=next fixture', browserWait);
  await page.fill('input[name=name]', 'ada');
  await page.click('button');
  await page.waitForURL(/\?name=ada$/, browserWait);
  await mark(page);
  // The socket for hot reload may open after the page has loaded.
  await waitFor('a message on the hot reload socket', () => usedSockets.size > 0);
  edit('bob', 'next/app/page.js', 'next fixture', 'changed fixture');
  await page.waitForSelector('text=changed fixture', browserWait);
  expect(await isMarked(page)).toBe(true);
  terminal.kill();
});

test('Express: headers in both directions; open connections are cut when the student leaves', async () => {
  const terminal = await start('dora', 'express');
  const origin = link('dora');
  const { body } = await devenv.visit('dora', '/seen', { headers: { origin: 'https://evil.example' } });
  const seen = JSON.parse(body);
  expect(seen).toMatchObject({
    host: expect.stringMatching(/^localhost:\d+$/),
    origin: 'https://evil.example',
  });
  expect(Object.keys(seen)).not.toContain('x-forwarded-host');
  expect((await devenv.visit('dora', '/away')).headers.location).toBe(`${origin}/`);
  expect((await devenv.visit('dora', '/cookie')).headers['set-cookie']).toEqual(['a=1; Path=/']);
  const { socket, messages } = await openSocket(devenv, 'dora', '/socket');
  await waitFor('the greeting', () => messages.includes(`http://${seen.host}`));
  const cut = new Promise((resolve) => socket.once('close', resolve));
  await terminal.interrupt();
  terminal.type('exit\r');
  await terminal.ended;
  await cut;
  await waitFor('the link to be gone', async () => (await devenv.statusOf('dora')) === 404);
});
