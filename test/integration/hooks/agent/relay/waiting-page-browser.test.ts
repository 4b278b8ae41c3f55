/** The waiting page in a real browser: after a form it stays on the student's link, whatever its path. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Browser } from 'playwright-core';
import { type Relay, startRelay } from '../../../../../hooks/agent/relay/index.ts';
import type { Service } from '../../../../../orchestrator/protocol/messages.ts';
import { openBrowser } from '../../../../support/browser.ts';
import { portOf } from '../../../../support/visitor-rig.ts';
import { WAIT_TIMEOUT_MS } from '../../../../support/wait.ts';

let browser: Browser;
let relay: Relay;
let server: Server;
let service: Service | null = null;
let requests: string[] = [];

beforeAll(async () => {
  server = createServer(({ method, url }, response) => {
    requests.push(`${method} ${url}`);
    response.setHeader('content-type', 'text/html').end('<p>served here</p>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = await startRelay({
    port: 0,
    host: '127.0.0.1',
    keyHash: '',
    // Chromium resolves it to this machine without DNS.
    ownLink: () => ({ hostname: 'alice.localhost', url: 'http://alice.localhost', service, isOpen: true }),
    identity: () => ({ instance: 'test', student: 'alice' }),
    status: () => ({ phase: 'open', isStarting: true }),
  });
  browser = await openBrowser();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await relay?.close();
  server?.closeAllConnections();
  server?.close();
});

beforeEach(() => {
  [service, requests] = [null, []];
});

test('a form at //evil.localhost/x comes back to the same address, and is not sent again', async () => {
  const timeout = WAIT_TIMEOUT_MS;
  const page = await browser.newPage();
  const origin = `http://alice.localhost:${relay.port}`;
  await page.goto(`${origin}/`, { timeout });
  const path = `//evil.localhost:${relay.port}/x?a=1`;
  const submit = `const form = document.createElement('form');
form.method = 'post'; form.action = '${origin}${path}'; document.body.append(form); form.submit()`;
  await Promise.all([page.waitForURL(`${origin}${path}`, { timeout }), page.evaluate(submit)]);
  await page.waitForSelector('text=alice’s app', { timeout });
  service = { port: portOf(server), address: '127.0.0.1', scheme: 'http', reason: 'only-web-server' };
  await page.waitForSelector('text=served here', { timeout });
  expect(page.url()).toBe(`${origin}${path}`);
  expect(requests.filter((each) => !each.includes('favicon'))).toEqual([`GET ${path}`]);
  await page.close();
});
