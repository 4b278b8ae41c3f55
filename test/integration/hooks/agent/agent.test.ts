/** The agent in a real container, with real shells in real terminals, against a real socket. */
import { AgentContainer } from '../../../support/agent-container.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;

beforeAll(async () => {
  agent = await AgentContainer.start();
});

afterAll(() => agent?.close());

test('a terminal is a session from its first process to its end; `exit` is distinguished from a loss', async () => {
  const terminal = await agent.open();
  const session = await agent.reported('a session', ({ sessions }) => sessions[0]);
  expect(session).toMatchObject({ portVariable: 'ok', terminal: expect.stringMatching(/^\/dev\/pts\/\d+$/) });
  terminal.type('exit\r');
  await terminal.ended;
  await agent.reported(
    'a session that exited',
    ({ sessions, lastSessionEnd }) => sessions.length === 0 && lastSessionEnd?.kind === 'exited',
  );

  const lost = await agent.open();
  const pid = await lost.run('echo $$');
  await agent.reported('the second session', ({ sessions }) => sessions.length === 1);
  agent.container.run(`kill -9 ${pid}`);
  await agent.reported(
    'a session that was lost',
    ({ sessions, lastSessionEnd }) => sessions.length === 0 && lastSessionEnd?.kind === 'lost',
  );
});

test('if two sessions end between two polls, the lost one decides', async () => {
  const lost = await agent.open();
  const shell = await lost.run('echo $$');
  const left = await agent.open();
  await agent.reported('both sessions', ({ sessions }) => sessions.length === 2);
  agent.container.run('pkill -STOP -f agent/[m]ain.js');
  agent.container.run(`kill -9 ${shell}`);
  left.type('exit\r');
  await Promise.all([lost.ended, left.ended]);
  agent.container.run('pkill -CONT -f agent/[m]ain.js');
  const end = await agent.reported(
    'no session',
    ({ sessions, lastSessionEnd }) => sessions.length === 0 && lastSessionEnd,
  );
  expect(end.kind).toBe('lost');
});

test('shells without hooks (like zsh) count; tmux panes do not, once their terminal is gone', async () => {
  const bare = await agent.open('bash', '--norc');
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  bare.type('tmux new -d -s work; tmux ls; exit\r');
  await bare.ended;
  await agent.reported('no session, though a pane lives', ({ sessions }) => sessions.length === 0);
  expect(agent.container.run('pgrep -c tmux')).not.toBe('0');
  agent.container.run('tmux kill-server');
});

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])('a server on %s is found, reached at %s, and gone from the report when it ends', async (host, address) => {
  const terminal = await agent.open();
  terminal.type(`node -e 'require("http").createServer((q, r) => r.end("hi")).listen(5173, "${host}")'\r`);
  const service = await agent.reported('the service', (each) => each.service);
  expect(service).toEqual({ port: 5173, address, scheme: 'http', reason: 'only-web-server' });
  terminal.type('\x03');
  await agent.reported(
    'no listener',
    ({ listeners, service: none }) => listeners.length === 0 && none === null,
  );
  terminal.type('exit\r');
  await terminal.ended;
});

test('$PORT takes precedence, only web servers are selected, and `devenv-port` overrides both', async () => {
  const terminal = await agent.open();
  const serve = (port: number) => `require("http").createServer((q, r) => r.end("${port}")).listen(${port})`;
  await terminal.run(`node -e 'require("net").createServer((s) => s.end("+OK\\n")).listen(9229)' & disown`);
  await agent.reported('the debugger', ({ listeners }) => listeners.some((each) => each.speaks === 'other'));
  expect(agent.report?.service).toBeNull();
  await terminal.run(`node -e '${serve(5173)}' & disown`);
  await agent.reported('5173', ({ service }) => service?.port === 5173);
  await terminal.run(`node -e '${serve(3001)}' & disown`);
  await agent.reported('3001', ({ service }) => service?.port === 3001 && service.reason === 'port-variable');
  await terminal.run('devenv-port 5173');
  await agent.reported(
    '5173 by choice',
    ({ service }) => service?.port === 5173 && service.reason === 'chosen',
  );
  expect(await terminal.run('devenv-status')).toMatch(
    /shows +port 5173: chosen with devenv-port[\s\S]*also +3001, 9229 \(not a web server\)/,
  );
  await terminal.run('devenv-port --auto; pkill node');
  await waitFor('the agent to come back', () => agent.container.run('pgrep -fc agent/main.js || :') !== '0');
  await agent.reported('nothing', ({ listeners }) => listeners.length === 0);
  terminal.type('exit\r');
  await terminal.ended;
});

test('a watched command is reported as starting immediately when typed, and only once', async () => {
  const terminal = await agent.open();
  terminal.type('sleep 71\r');
  const [starting] = await agent.reported('a start', (each) => each.starting.length > 0 && each.starting);
  expect(starting).toMatchObject({ command: 'sleep 71' });
  await waitFor('the process to be seen too', () => agent.container.run('pgrep -c sleep || :') !== '0');
  expect(agent.report?.starting).toHaveLength(1);
  terminal.type('\x03');
  await agent.reported('no start', (each) => each.starting.length === 0);
  terminal.type('cd / && sleep 72\r');
  await agent.reported('a start behind &&', (each) =>
    each.starting.some(({ command }) => command === 'sleep 72'),
  );
  terminal.type('\x03');
  terminal.type('exit\r');
  await terminal.ended;
});

test('without PORT the shell warns and its servers are private, until PORT is set again', async () => {
  const terminal = await agent.open();
  const said = await terminal.run('unset PORT');
  terminal.type('\r');
  await terminal.see(/\$ $/);
  expect(`${said}${terminal.text}`).toContain('PORT is not set here');
  expect(terminal.text).toContain('export PORT=3001');
  await agent.reported('the session without a port', ({ sessions }) => sessions[0]?.portVariable === 'unset');
  terminal.type(`node -e 'require("http").createServer().listen(5173)'\r`);
  const listener = await agent.reported('the private listener', ({ listeners }) => listeners[0]);
  expect(listener.isPublic).toBe(false);
  expect(agent.report?.service).toBeNull();
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  await terminal.run('export PORT=3001');
  await agent.reported('the port again', ({ sessions }) => sessions[0]?.portVariable === 'ok');
  expect(terminal.text.match(/PORT is not set here/g)).toHaveLength(1);
  terminal.type('exit\r');
  await terminal.ended;
});

test('a web server is found among a hundred other listeners; one that rejects the probe is found on $PORT', async () => {
  const terminal = await agent.open();
  const many = 'for (let p = 20000; p < 20100; p++) require("net").createServer().listen(p, "127.0.0.1")';
  await terminal.run(`node -e '${many}' & disown`);
  // 127.0.0.1:20099, as the kernel writes it.
  const last = 'grep -c "0100007F:4E83 00000000:0000 0A" /proc/net/tcp || :';
  await waitFor('the last of the hundred to listen', () => agent.container.run(last) === '1');
  terminal.type('python3 -m http.server $PORT\r');
  const service = await agent.reported(
    'Python',
    (each) => each.service?.reason === 'port-variable' && each.service,
  );
  expect(service).toMatchObject({ port: 3001, scheme: 'http' });
  expect(terminal.text).not.toContain('DEVENV');
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  terminal.type('python3 -m http.server 8000\r');
  await agent.reported('Python elsewhere', (each) => each.service?.port === 8000);
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  await terminal.run('pkill -f createServer');
  terminal.type('exit\r');
  await terminal.ended;
});

test('a watched command keeps its id in the background, and `exec bash` continues the count', async () => {
  const terminal = await agent.open();
  terminal.type('sleep 77\r');
  const id = await agent.reported('a start', ({ starting }) => starting[0]?.id);
  await waitFor('the process', () => agent.container.run('pgrep -fc "^sleep 77" || :') === '1');
  await agent.reported('the process in a poll', ({ starting }) => (starting[0]?.ageSeconds ?? 0) > 0.5);
  terminal.type('\x1a');
  await terminal.see(/Stopped/);
  await terminal.run('bg');
  await agent.reported('the same start', ({ starting }) => starting.length === 1 && starting[0]?.id === id);
  await terminal.run('kill %1');
  await agent.reported('no start', ({ starting }) => starting.length === 0);
  terminal.type('exec bash\r');
  await terminal.see(/\$ $/);
  terminal.type('sleep 77\r');
  const again = await agent.reported('another start', ({ starting }) => starting[0]?.id);
  expect(again).not.toBe(id);
  expect(terminal.text.match(/Your link is/g)).toHaveLength(1);
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  terminal.type('exit\r');
  await terminal.ended;
});

test("the agent recovers from a student who takes the relay's port or kills process 1", async () => {
  agent.container.run('kill -9 1; true');
  const times = agent.connections;
  // It takes the port as soon as the agent lets go of it, and keeps it until it is killed.
  const thief =
    'const s = require("net").createServer((c) => c.end()).on("error", () => setTimeout(() => s.listen(61080), 5)).on("listening", () => console.log("taken")); s.listen(61080); console.log("waits")';
  agent.container.run(`node -e '${thief}' >/tmp/thief 2>&1 &`);
  const thiefSaid = (word: string) => agent.container.run('cat /tmp/thief || :').includes(word);
  await waitFor('the student to wait for the port', () => thiefSaid('waits'));
  agent.container.run("pkill -KILL -f 'agent/[m]ain.js'");
  await waitFor('the student to take the port', () => thiefSaid('taken'));
  await waitFor('the agent to be back', () => agent.connections > times);
  await agent.reported('a report', (each) => each.sessions.length === 0);
  agent.container.run("pkill -f '[c]onsole.log..taken'");
  const relay = () =>
    agent.container.run(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:61080/ || :`);
  await waitFor('the relay to be back on its port', () => relay() === '503');
});

test('an idle agent uses less than 20 MB of private memory', async () => {
  const memory = agent.container.run(
    "pid=$(pgrep -of agent/main.js); awk '/^Private_Dirty/ {print $2}' /proc/$pid/smaps_rollup",
  );
  expect(Number(memory)).toBeGreaterThan(0);
  expect(Number(memory)).toBeLessThan(20 * 1024);
});
