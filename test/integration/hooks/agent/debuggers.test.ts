/** Node's inspector, in a real container: no visitor reaches it unless the student has confirmed a warning. */
import { AgentContainer } from '../../../support/agent-container.ts';
import type { Terminal } from '../../../support/terminal.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;
let terminal: Terminal;

const additionalLinks = [9229, 10_000].map((port) => ({
  port,
  hostname: `alice-${port}.test`,
  url: `http://alice-${port}.test:8080`,
}));

beforeAll(async () => {
  agent = await AgentContainer.start();
  agent.send({ link: { phase: 'open', detail: '' }, additionalLinks });
  terminal = await agent.open();
});

afterAll(() => agent?.close());

afterEach(async () => {
  agent.container.run('rm -f ~/.devenv-port /run/devenv/port; pkill -f "[w]orker[.]js|[s]erver[.]js" || :');
  await agent.reported('no listener', ({ listeners, service }) => listeners.length === 0 && service === null);
});

/** Writes a program and runs it with Node in the background. */
async function run(options: string, file: string, code: string): Promise<void> {
  agent.container.run(`cat >~/${file} <<'E'\n${code}\nE`);
  await terminal.run(`cd; node ${options} ${file} >/dev/null 2>&1 & disown`);
}

const WORKER = 'setInterval(() => {}, 1000)';
const serverOn = (port: number) => `require("http").createServer((q, r) => r.end("the app")).listen(${port})`;

/** A visitor's request: the status, and the body without line ends. */
const visit = (path: string, host = 'alice.test') =>
  agent.container.run(
    `curl -s -m 20 -w ' %{http_code}' -H 'Host: ${host}' 'localhost:61080${path}' | tr -d '\\n' || :`,
  );

/** Where the inspector on this port listens for WebSockets; a program in the container may ask. */
const socketPath = (port: number) =>
  agent.container.run(
    `curl -s localhost:${port}/json/list | sed -n 's,.*"webSocketDebuggerUrl": "ws://[^/]*\\(/[^"]*\\)".*,\\1,p'`,
  );

/** The status of a WebSocket handshake by a foreign page. */
const attack = (path: string, host = 'alice.test') => {
  const headers = [
    ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Origin: https://evil.example', `Host: ${host}`],
  ].map((header) => `-H '${header}'`);
  return agent.container.run(
    `curl -s -m 2 -o /dev/null -w '%{http_code}' ${headers.join(' ')} localhost:61080${path} || :`,
  );
};

const listenerOn = (port: number) =>
  agent.reported(`the debugger on ${port}`, ({ listeners }) =>
    listeners.find((each) => each.port === port && each.purpose === 'debugger'),
  );

test.each([
  ['--inspect', 9229],
  ['--inspect-brk', 9229],
  ['--inspect=0.0.0.0:10000', 10_000],
  ['--inspect=127.0.0.1:3001', 3001],
])('node %s alone: no link, and no visitor reaches port %i', async (options, port) => {
  await run(options, 'worker.js', WORKER);
  await listenerOn(port);
  const path = socketPath(port);
  expect(path).toMatch(/^\/[0-9a-f-]{36}$/);
  for (const host of ['alice.test', 'alice-9229.test', 'alice-10000.test']) {
    expect([host, visit('/json/list', host)]).toEqual([host, expect.stringMatching(/ 503$/)]);
    expect([host, attack(path, host)]).toEqual([host, '503']);
  }
  await agent.twoMoreReports();
  expect(agent.reports.flatMap(({ service }) => service ?? [])).toEqual([]);
  expect(await terminal.run('devenv-status')).toMatch(
    new RegExp(`also +${port} \\(debugger, not public\\)\\s*$`, 'm'),
  );
});

test.each([
  ['--inspect', 5173],
  ['--inspect=10000', 3001],
  ['--inspect=10000', 5173],
])('node %s beside an app on %i: the link shows the app only', async (options, port) => {
  await run(options, 'server.js', serverOn(port));
  await agent.reported('the app', ({ service }) => service?.port === port);
  const debuggerPort = options === '--inspect' ? 9229 : 10_000;
  await listenerOn(debuggerPort);
  expect(visit('/')).toBe('the app 200');
  expect(attack(socketPath(debuggerPort))).not.toBe('101');
  expect(attack(socketPath(debuggerPort), `alice-${debuggerPort}.test`)).toBe('503');
  expect(new Set(agent.reports.flatMap(({ service }) => service?.port ?? []))).not.toContain(debuggerPort);
});

test('a program that opens an inspector, at any time and on any port, opens it for no visitor', async () => {
  const code = `const http = require("http"), inspector = require("inspector");
const server = http.createServer((q, r) => r.end("the app")).listen(3001);
process.on("SIGUSR2", () => { server.closeAllConnections(); server.close(() => inspector.open(3001)); });
${WORKER}`;
  await run('', 'server.js', code);
  await waitFor('the app', () => visit('/') === 'the app 200');
  // The agent knows nothing of the change yet when the first visitor comes.
  agent.container.run('pkill -USR2 -f "[s]erver.js"');
  await waitFor('the inspector', () => socketPath(3001) !== '');
  expect(attack(socketPath(3001))).toBe('503');
  expect(visit('/json/list')).toMatch(/ 503$/);
  await listenerOn(3001);
  expect(attack(socketPath(3001))).toBe('503');
});

test('devenv-port warns before it chooses a debugger; without a confirmed warning it stays private', async () => {
  await run('--inspect', 'worker.js', WORKER);
  await listenerOn(9229);
  const path = socketPath(9229);

  // Without a terminal it refuses, and says what to do.
  for (const options of ['9229', '--always 9229']) {
    const said = agent.container.run(`devenv-port ${options} </dev/null 2>&1; echo $?`);
    expect(said).toMatch(/^The port was not changed: port 9229 is a debugger\. .*\n1$/);
    expect(said).toContain(`devenv-port ${options.replace('9229', '--yes 9229')}`);
  }
  terminal.type('devenv-port --always 9229\r');
  await terminal.see(/Show it anyway\? \[y\/N\] $/);
  terminal.type('\r');
  await terminal.see(/The port was not changed\.\s/);
  expect(agent.container.run('cat ~/.devenv-port /run/devenv/port 2>/dev/null || :')).toBe('');

  // A choice that was written in another way, or before the program was a debugger, is not enough.
  agent.container.run('echo 9229 >~/.devenv-port; echo 9229 >/run/devenv/port');
  await agent.twoMoreReports();
  expect(agent.report?.service).toBeNull();
  expect(attack(path)).toBe('503');

  terminal.type('devenv-port 9229\r');
  await terminal.see(/Show it anyway\? \[y\/N\] $/);
  terminal.type('y\r');
  await agent.reported('the debugger as service', ({ service }) => service?.port === 9229);
  // This is the attack that everything above refuses.
  expect(attack(path)).toBe('101');
});

test('with --always and --yes the confirmation is stored', async () => {
  await run('--inspect', 'worker.js', WORKER);
  await listenerOn(9229);
  expect(agent.container.run('devenv-port --always --yes 9229 </dev/null; cat ~/.devenv-port')).toMatch(
    /^Your link shows port 9229 from now on, .*\n9229 debugger$/,
  );
  await agent.reported('the debugger as service', ({ service }) => service?.port === 9229);
});

test('a database page is shown only if the student chooses it, without a warning', async () => {
  await run('', 'server.js', serverOn(9200));
  await agent.reported(
    'the page',
    ({ listeners }) => listeners[0]?.purpose === 'admin' && listeners[0].speaks,
  );
  expect(agent.report?.service).toBeNull();
  expect(visit('/')).toMatch(/ 503$/);
  expect(agent.container.run('devenv-port 9200 </dev/null')).toContain('Your link shows port 9200');
  await waitFor('the page', () => visit('/') === 'the app 200');
});
