/** Servers started in a shell without a valid PORT stay private, and public ones stay public, whatever happens later. */
import { AgentContainer } from '../../../support/agent-container.ts';
import type { Terminal } from '../../../support/terminal.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;

beforeAll(async () => {
  agent = await AgentContainer.start();
});

afterAll(() => agent?.close());

afterEach(async () => {
  agent.container.run(
    `pkill -f '[c]reateServer|[d]aemon'; for p in $(pgrep -x bash); do [ $p = $$ ] || kill -9 $p; done; true`,
  );
  await agent.reported('nothing', (each) => each.listeners.length === 0 && each.sessions.length === 0);
});

const server = (port: number) => `node -e 'require("http").createServer().listen(${port})'`;

/** Whether the server on a port is public, once it listens. */
const publicOn = (port: number) =>
  agent.reported(`a listener on ${port}`, ({ listeners }) => {
    const found = listeners.find((each) => each.port === port);
    return found === undefined ? null : { is: found.isPublic };
  });

/** Checks that it stays so after a restart of the agent, until its third report: the second adds the port's protocol. */
async function stays(port: number, is: boolean): Promise<void> {
  expect(await publicOn(port)).toEqual({ is });
  const times = agent.connections;
  agent.container.run('pkill -KILL -f agent/[m]ain.js');
  await waitFor('the agent to be back', () => agent.connections > times);
  await waitFor('its third report', () => agent.reports.length > 2);
  expect(await publicOn(port)).toEqual({ is });
}

/** Types a line that may end with `&`, and waits for the prompt. */
async function enter(terminal: Terminal, line: string): Promise<void> {
  terminal.type(`${line}\r`);
  await terminal.see(/\$ $/);
}

async function openWith(port: 'ok' | 'unset' | 'changed'): Promise<Terminal> {
  const terminal = await agent.open();
  if (port === 'unset') await terminal.run('unset PORT');
  if (port === 'changed') await terminal.run('export PORT=4000');
  await terminal.run('true');
  await agent.reported('the shell', ({ sessions }) => sessions.some((each) => each.portVariable === port));
  return terminal;
}

test.each([
  ['in a subshell', `(${server(5173)} &)`],
  ['with setsid', `setsid ${server(5173)} &`],
  ['with nohup', `nohup ${server(5173)} >/dev/null 2>&1 &`],
  ['late', `(sleep 0.7; ${server(5173)}) &`],
  ['late, by an orphan', `((sleep 0.7; ${server(5173)}) &)`],
  ['in a nested shell', `bash -c '${server(5173).replaceAll("'", `'\\''`)} & exec sleep 0.2'`],
])(
  'private if started %s: while its shell runs, after PORT is set again, and after its shell has ended',
  async (_how, line) => {
    const other = await agent.open();
    const terminal = await openWith('unset');
    terminal.type(`${line}\r`);
    expect(await publicOn(5173)).toEqual({ is: false });
    await terminal.run('export PORT=3001');
    await agent.reported('PORT again', ({ sessions }) =>
      sessions.every(({ portVariable }) => portVariable === 'ok'),
    );
    await stays(5173, false);
    terminal.type('disown -a; exit\r');
    await terminal.ended;
    await agent.reported('one session', ({ sessions }) => sessions.length === 1);
    await stays(5173, false);
    other.type('exit\r');
    await other.ended;
  },
);

test('private if the shell ends at the same moment', async () => {
  const other = await agent.open();
  const terminal = await openWith('changed');
  terminal.type(`nohup ${server(5173)} >/dev/null 2>&1 & setsid ${server(5174)} & disown -a; exit\r`);
  await terminal.ended;
  await stays(5173, false);
  await stays(5174, false);
  other.type('exit\r');
  await other.ended;
});

test.each([
  ['in the background', `${server(5173)} &`],
  ['in a subshell', `(${server(5173)} &)`],
  ['with setsid', `setsid ${server(5173)} &`],
  ['with a PORT of its own', `PORT=5173 ${server(5173)} &`],
  ['with a PORT of its own, in a subshell', `(PORT=5173 ${server(5173)} &)`],
])('public if started %s, also after the shell changes PORT', async (_how, line) => {
  const terminal = await agent.open();
  await enter(terminal, line);
  expect(await publicOn(5173)).toEqual({ is: true });
  await terminal.run('export PORT=4000');
  await agent.reported('the other PORT', ({ sessions }) => sessions[0]?.portVariable === 'changed');
  await stays(5173, true);
  // A server that it starts now is private.
  await enter(terminal, `${server(4000)} &`);
  expect(await publicOn(4000)).toEqual({ is: false });
  expect(await publicOn(5173)).toEqual({ is: true });
  terminal.type('exit\r');
  await terminal.ended;
});

test('a running watched command is still reported after its shell changes PORT', async () => {
  const terminal = await agent.open();
  await enter(terminal, 'sleep 75 &');
  const id = await agent.reported('a start', ({ starting }) => starting[0]?.id);
  await terminal.run('export PORT=4000');
  await agent.reported('the other PORT', ({ sessions }) => sessions[0]?.portVariable === 'changed');
  expect(agent.report?.starting[0]?.id).toBe(id);
  await enter(terminal, 'sleep 76 &');
  await waitFor('the process', () => agent.container.run('pgrep -fc "^sleep 76" || :') === '1');
  await agent.twoMoreReports();
  expect(agent.report?.starting).toHaveLength(1);
  agent.container.run('pkill sleep');
  terminal.type('exit\r');
  await terminal.ended;
});

test('while one shell is private, servers of others are public, including daemons with the right PORT', async () => {
  const first = await openWith('unset');
  const second = await agent.open();
  await enter(second, `(${server(5173)} &); setsid ${server(5174)} &`);
  expect(await publicOn(5173)).toEqual({ is: true });
  expect(await publicOn(5174)).toEqual({ is: true });
  for (const each of [first, second]) each.type('exit\r');
  await Promise.all([first.ended, second.ended]);
});

test.each(['unset', 'changed'] as const)(
  'a server with the right PORT is public although PORT was %s, if the same line corrects it',
  async (port) => {
    const terminal = await openWith(port);
    terminal.type(`export PORT=3001; ${server(3001)}\r`);
    expect(await publicOn(3001)).toEqual({ is: true });
    await stays(3001, true);
    terminal.type('\x03');
    await terminal.see(/\$ $/);
    // Without the correction, servers are private as before.
    await terminal.run('unset PORT');
    await enter(terminal, `${server(5173)} &`);
    expect(await publicOn(5173)).toEqual({ is: false });
    await enter(terminal, `PORT=3001 ${server(3001)} &`);
    expect(await publicOn(3001)).toEqual({ is: true });
    terminal.type('exit\r');
    await terminal.ended;
  },
);

test("a server started by a private shell's daemon is public only if its requester has the right PORT", async () => {
  // Like pm2: the server gets the requester's environment, but its parent is the daemon.
  agent.container.run(
    `cat > /tmp/daemon.js <<'end'
const { spawn } = require('node:child_process');
require('node:net').createServer((asker) => asker.once('data', (data) => {
  const { port, env } = JSON.parse(data);
  spawn(process.execPath, ['-e', 'require("http").createServer().listen(' + port + ')'], { env });
})).listen('/tmp/daemon.sock');
end
    cat > /tmp/ask.js <<'end'
require('node:net').connect('/tmp/daemon.sock').end(JSON.stringify({ port: process.argv[2], env: process.env }));
end`,
  );
  const terminal = await openWith('unset');
  await enter(terminal, 'setsid node /tmp/daemon.js &');
  await waitFor('the daemon', () => agent.container.run('ls /tmp/daemon.sock || :') !== '');
  await terminal.run('node /tmp/ask.js 5173');
  expect(await publicOn(5173)).toEqual({ is: false });
  await terminal.run('export PORT=3001');
  await terminal.run('node /tmp/ask.js 3001');
  expect(await publicOn(3001)).toEqual({ is: true });
  await stays(3001, true);
  await stays(5173, false);
  terminal.type('exit\r');
  await terminal.ended;
});
