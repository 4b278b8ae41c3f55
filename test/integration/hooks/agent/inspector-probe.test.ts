/** Debuggers are told from apps by their answer; an app is asked only if its port or program is suspicious. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DebuggerSign } from '../../../../hooks/agent/debugger-signs.ts';
import { probeInspector } from '../../../../hooks/agent/inspector-probe.ts';
import { ListenerClassifier } from '../../../../hooks/agent/listener-classifier.ts';
import { CHROMIUM } from '../../../support/browser.ts';
import { portOf } from '../../../support/visitor-rig.ts';
import { waitFor } from '../../../support/wait.ts';

const servers: Server[] = [];
let requests: string[] = [];

/** A server that answers every request with this body, and notes its path. */
async function answering(body: string, status = 200): Promise<number> {
  const server = createServer(({ url = '' }, response) => {
    requests.push(url);
    response.writeHead(status).end(body);
  });
  server.listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return portOf(server);
}

beforeEach(() => {
  requests = [];
});

afterAll(() => {
  for (const server of servers) server.close();
});

/** Classifies a listener until that is done. */
function classified(port: number, sign: DebuggerSign) {
  const classifier = new ListenerClassifier(() => {});
  const listener = { id: 'id', address: '127.0.0.1', port, debuggerSign: () => sign };
  return waitFor('a classification', () => {
    const { speaks, isDebugger } = classifier.classify(listener);
    return isDebugger !== null && { speaks, isDebugger };
  });
}

// The answers of the real programs to `GET /json/version`.
const INSPECTORS: [string, string][] = [
  ['Node 26.10', '{\n  "Browser": "node.js/v26.10.0",\n  "Protocol-Version": "1.1"\n} '],
  ['Deno 2.9', '{"Browser":"Deno/2.9.6","Protocol-Version":"1.3","V8-Version":"15.0.245.2-rusty"}'],
  ['Bun 1.4', '{"Protocol-Version":"1.3","Browser":"Bun","User-Agent":"Bun/1.4.5","Bun-Version":"1.4.5"}'],
  ['workerd', '{"Browser": "workerd", "Protocol-Version": "1.3" }'],
  ['wrangler 4.164', '{"Browser":"wrangler/v4.164.0","Protocol-Version":"1.3"}'],
];

test.each(INSPECTORS)('%s is a debugger', async (_name, answer) => {
  expect(await classified(await answering(answer), 'possible')).toEqual({ speaks: null, isDebugger: true });
});

test.each<[string, string, number]>([
  ['a page', '<h1>Protocol-Version</h1>', 200],
  ['an API', '{"version":"1.3"}', 200],
  ['a server without that path', 'Not found', 404],
])('%s on a suspicious port is an app', async (_name, answer, status) => {
  const port = await answering(answer, status);
  expect(await classified(port, 'possible')).toEqual({ speaks: 'http', isDebugger: false });
  expect(requests).toEqual(['/json/version']);
});

test('an app without signs gets no request; a certain debugger gets no connection', async () => {
  const port = await answering('hi');
  expect(await classified(port, 'none')).toEqual({ speaks: 'http', isDebugger: false });
  expect(requests).toEqual([]);
  const [server] = servers.slice(-1);
  server?.on('connection', () => requests.push('a connection'));
  expect(await classified(port, 'certain')).toEqual({ speaks: null, isDebugger: true });
  expect(requests).toEqual([]);
});

test("Chromium's remote debugging is a debugger", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'devenv-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'];
  const port = ['--remote-debugging-port=0', `--user-data-dir=${folder}`];
  const chromium = spawn(CHROMIUM, [...flags, ...port, 'about:blank'], { stdio: 'ignore' });
  const exited = once(chromium, 'exit');
  try {
    const active = await waitFor('its port', () => {
      try {
        return Number(readFileSync(join(folder, 'DevToolsActivePort'), 'utf8').split('\n')[0]);
      } catch {
        return null;
      }
    });
    expect(await waitFor('an answer', () => probeInspector('127.0.0.1', active))).toBe(true);
  } finally {
    chromium.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
});
