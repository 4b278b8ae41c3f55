/** The agent in a real container, with real shells in real terminals, against a real socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { AgentSocket } from '../../../orchestrator/agents/agent-socket.ts';
import { PROTOCOL, type Report, type StateMessage } from '../../../orchestrator/agents/protocol.ts';
import { BareContainer } from '../../support/bare-container.ts';
import type { Terminal } from '../../support/terminal.ts';
import { waitFor } from '../../support/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'devenv-agent-'));
const url = 'http://alice.test:8080';
let container: BareContainer;
let socket: AgentSocket;
let report: Report | null = null;
let connections = 0;

const state = (parts: Partial<StateMessage> = {}): StateMessage => ({
  kind: 'state',
  protocol: PROTOCOL,
  instance: 'test',
  student: 'alice',
  hostname: 'alice.test',
  url,
  port: 3001,
  watch: ['npm run dev', 'sleep 7*'],
  route: { phase: 'closed', detail: 'nobody is in' },
  notices: [],
  ...parts,
});

/** Waits for a report in which something is so. */
const reported = <Found>(what: string, look: (report: Report) => Found | undefined | null | false) =>
  waitFor(`a report with ${what}`, () => (report === null ? null : look(report)), {
    seen: () => JSON.stringify(report, null, 1),
  });

async function openTerminal(...command: string[]): Promise<Terminal> {
  const terminal = container.terminal(command.length > 0 ? command : ['bash']);
  await terminal.see(/\$ $/);
  return terminal;
}

beforeAll(async () => {
  socket = new AgentSocket({
    student: 'alice',
    folder,
    log: pino({ level: 'silent' }),
    onReport: (each) => {
      report = each;
    },
    onConnection: (connected) => {
      if (!connected) return;
      connections += 1;
      socket.send(state());
    },
  });
  await socket.open();
  container = await BareContainer.start({
    command: ['/usr/lib/devenv/init.sh'],
    env: { DEVENV_INSTANCE: 'test', DEVENV_HOSTNAME: 'alice.test', DEVENV_URL: url },
    run: ['-v', `${folder}:/run/devenv-host:ro`],
  });
  await reported('nobody in', (each) => each.sessions.length === 0);
}, 300_000);

afterAll(async () => {
  container?.remove();
  await socket.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a terminal is a session from its first process to its end; `exit` is told from a loss', async () => {
  const terminal = await openTerminal();
  const session = await reported('a session', ({ sessions }) => sessions[0]);
  expect(session).toMatchObject({ port: 'ok', terminal: expect.stringMatching(/^\/dev\/pts\/\d+$/) });
  terminal.type('exit\r');
  await terminal.ended;
  await reported(
    'a session that was left',
    ({ sessions, lastEnd }) => sessions.length === 0 && lastEnd?.how === 'left',
  );

  const lost = await openTerminal();
  const pid = await lost.run('echo $$');
  await reported('the second session', ({ sessions }) => sessions.length === 1);
  container.run(`kill -9 ${pid}`);
  await reported(
    'a session that was lost',
    ({ sessions, lastEnd }) => sessions.length === 0 && lastEnd?.how === 'lost',
  );
}, 30_000);

test('zsh-like shells without hooks count; tmux panes do not, once the terminal in front is gone', async () => {
  const bare = await openTerminal('bash', '--norc');
  await reported('the session', ({ sessions }) => sessions.length === 1);
  bare.type('tmux new -d -s work; tmux ls; exit\r');
  await bare.ended;
  await reported('no session, though a pane lives', ({ sessions }) => sessions.length === 0);
  expect(container.run('pgrep -c tmux')).not.toBe('0');
  container.run('tmux kill-server');
}, 30_000);

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])(
  'a server on %s is found, reached at %s, and its end too',
  async (host, address) => {
    const terminal = await openTerminal();
    terminal.type(`node -e 'require("http").createServer((q, r) => r.end("hi")).listen(5173, "${host}")'\r`);
    const service = await reported('the service', (each) => each.service);
    expect(service).toEqual({ port: 5173, address, scheme: 'http', because: 'answers' });
    terminal.type('\x03');
    await reported('no listener', ({ listeners, service: none }) => listeners.length === 0 && none === null);
    terminal.type('exit\r');
    await terminal.ended;
  },
  30_000,
);

test('$PORT comes first, what is no web server is never chosen, and `devenv-port` decides', async () => {
  const terminal = await openTerminal();
  const serve = (port: number) => `require("http").createServer((q, r) => r.end("${port}")).listen(${port})`;
  await terminal.run(`node -e 'require("net").createServer((s) => s.end("+OK\\n")).listen(9229)' & disown`);
  await reported('the debugger', ({ listeners }) => listeners.some((each) => each.speaks === 'other'));
  expect(report?.service).toBeNull();
  await terminal.run(`node -e '${serve(5173)}' & disown`);
  await reported('5173', ({ service }) => service?.port === 5173);
  await terminal.run(`node -e '${serve(3001)}' & disown`);
  await reported('3001', ({ service }) => service?.port === 3001 && service.because === 'PORT');
  await terminal.run('devenv-port 5173');
  await reported('5173 by choice', ({ service }) => service?.port === 5173 && service.because === 'chosen');
  expect(await terminal.run('devenv-status')).toMatch(/serves +port 5173[\s\S]*also +3001, 9229/);
  await terminal.run('devenv-port --auto; pkill node');
  await waitFor('the agent to come back', () => container.run('pgrep -fc agent/main.js || :') !== '0');
  await reported('nothing', ({ listeners }) => listeners.length === 0);
  terminal.type('exit\r');
  await terminal.ended;
}, 60_000);

test('a typed command that is watched is starting at once, and once', async () => {
  const terminal = await openTerminal();
  terminal.type('sleep 71\r');
  const [starting] = await reported('a start', (each) => each.starting.length > 0 && each.starting);
  expect(starting).toMatchObject({ command: 'sleep 71' });
  await waitFor('the process to be seen too', () => container.run('pgrep -c sleep || :') !== '0');
  expect(report?.starting).toHaveLength(1);
  terminal.type('\x03');
  await reported('no start', (each) => each.starting.length === 0);
  terminal.type('cd / && sleep 72\r');
  await reported('a start behind &&', (each) => each.starting.some(({ command }) => command === 'sleep 72'));
  terminal.type('\x03');
  terminal.type('exit\r');
  await terminal.ended;
}, 30_000);

test('without PORT the shell says so, nothing is public, and PORT brings it back', async () => {
  const terminal = await openTerminal();
  const said = await terminal.run('unset PORT');
  terminal.type('\r');
  await terminal.see(/\$ $/);
  expect(`${said}${terminal.text}`).toContain('no port defined, not public');
  expect(terminal.text).toContain('export PORT=3001');
  await reported('the session without a port', ({ sessions }) => sessions[0]?.port === 'unset');
  terminal.type(`node -e 'require("http").createServer().listen(5173)'\r`);
  const listener = await reported('the private listener', ({ listeners }) => listeners[0]);
  expect(listener.public).toBe(false);
  expect(report?.service).toBeNull();
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  await terminal.run('export PORT=3001');
  await reported('the port again', ({ sessions }) => sessions[0]?.port === 'ok');
  expect(terminal.text.match(/no port defined/g)).toHaveLength(1);
  terminal.type('exit\r');
  await terminal.ended;
}, 30_000);

test('a message comes at once to a program in the foreground, at the next prompt otherwise, and once', async () => {
  const terminal = await openTerminal();
  expect(terminal.text).toContain(url);
  terminal.type('cat\r');
  await reported('the session', ({ sessions }) => sessions.length === 1);
  await waitFor('cat to run', () => container.run('pgrep -xc cat || :') === '1');
  socket.send(state({ notices: [{ id: 1, kind: 'live', text: `live at ${url}` }] }));
  await terminal.see(/live at/);
  await reported('the notice as shown', ({ noticesShown }) => noticesShown === 1);
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  socket.send(state({ notices: [{ id: 2, kind: 'info', text: 'between prompts \x1b[31mred' }] }));
  await reported('the second notice', ({ noticesShown }) => noticesShown === 2);
  await waitFor('the queue', () =>
    container.run('cat /run/devenv/messages/* 2>/dev/null || :').includes('between'),
  );
  expect(terminal.text).not.toContain('between prompts');
  await terminal.run('true');
  await terminal.run('true');
  expect(terminal.text.match(/between prompts {1,2}\[31mred/g)).toHaveLength(1);
  expect(terminal.text.match(/live at/g)).toHaveLength(1);
  terminal.type('exit\r');
  await terminal.ended;
}, 30_000);

test('an agent that is killed comes back, ends no shell, knows the sessions, and repeats no message', async () => {
  const terminal = await openTerminal();
  const shell = await terminal.run('echo $$');
  const before = await reported('the session', ({ sessions }) => sessions[0]?.id);
  const times = connections;
  container.run('pkill -KILL -f agent/main.js');
  await waitFor('the agent to be back', () => connections > times);
  await reported('the same session', ({ sessions }) => sessions[0]?.id === before);
  expect(await terminal.run('echo $$')).toBe(shell);
  expect(report?.noticesShown).toBe(2);
  terminal.type('exit\r');
  await terminal.ended;
}, 30_000);

test("a student who takes the relay's port or kills process 1 changes nothing for the agent", async () => {
  container.run('kill -9 1; true');
  const times = connections;
  container.run(
    `pkill -KILL -f 'agent/[m]ain.js'; node -e 'const s = require("net").createServer().on("error", () => setTimeout(() => s.listen(61080), 5)).on("listening", () => setTimeout(() => process.exit(), 3000)); s.listen(61080)' >/dev/null 2>&1 & sleep 0.1`,
  );
  await waitFor('the agent to be back', () => connections > times, { timeoutMs: 15_000 });
  await reported('a report', (each) => each.sessions.length === 0);
  const relay = () => container.run(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:61080/ || :`);
  await waitFor('the relay to be back on its port', () => relay() === '503', { timeoutMs: 15_000 });
}, 60_000);

test('idle, the agent keeps under 20 MB of memory to itself', async () => {
  const memory = container.run(
    "pid=$(pgrep -of agent/main.js); awk '/^Private_Dirty/ {print $2}' /proc/$pid/smaps_rollup",
  );
  expect(Number(memory)).toBeGreaterThan(0);
  expect(Number(memory)).toBeLessThan(20 * 1024);
});
