/** Where and when the agent shows notices, with real programs in real terminals. */
import { AgentContainer, url } from '../../../support/agent-container.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;

beforeAll(async () => {
  agent = await AgentContainer.start();
});

afterAll(() => agent?.close());

test('a notice is shown once: immediately during a foreground program, otherwise at the next prompt', async () => {
  const terminal = await agent.open();
  expect(terminal.text).toContain(url);
  terminal.type('cat\r');
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  await waitFor('cat to run', () => agent.container.run('pgrep -xc cat || :') === '1');
  agent.send({ notices: [{ id: 1, kind: 'live', text: `live at ${url}` }] });
  await terminal.see(/live at/);
  await agent.reported('the notice as shown', ({ lastShownNoticeId }) => lastShownNoticeId === 1);
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  agent.send({ notices: [{ id: 2, kind: 'info', text: 'between prompts \x1b[31mred' }] });
  await agent.reported('the second notice', ({ lastShownNoticeId }) => lastShownNoticeId === 2);
  await waitFor('the queue', () =>
    agent.container.run('cat /run/devenv/messages/* 2>/dev/null || :').includes('between'),
  );
  expect(terminal.text).not.toContain('between prompts');
  await terminal.run('true');
  await terminal.run('true');
  expect(terminal.text.match(/between prompts {1,2}\[31mred/g)).toHaveLength(1);
  expect(terminal.text.match(/live at/g)).toHaveLength(1);
  terminal.type('exit\r');
  await terminal.ended;
});

test('notices appear in the panes of tmux while it is in the foreground, and at the prompt afterwards', async () => {
  const terminal = await agent.open();
  terminal.type('tmux -f /dev/null new -s work\r');
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  await terminal.see(/\[work\] 0:bash/);
  const atPrompt = `grep -lE '^[0-9]+ +prompt' /run/devenv/shells/* | grep -c '/[0-9]*$' || :`;
  await waitFor("the pane's shell to be at its prompt", () => agent.container.run(atPrompt) === '1');
  agent.send({ notices: [{ id: 3, kind: 'info', text: 'shown in the pane' }] });
  await agent.reported('the notice as shown', ({ lastShownNoticeId }) => lastShownNoticeId === 3);
  await waitFor('the queue', () =>
    agent.container.run('cat /run/devenv/messages/* || :').includes('in the pane'),
  );
  terminal.type('\r');
  await terminal.see(/shown in the pane/);
  terminal.type('\x02d');
  await terminal.see(/detached[^$]*\$ $/);
  agent.send({ notices: [{ id: 4, kind: 'info', text: 'shown outside' }] });
  await agent.reported('the second notice', ({ lastShownNoticeId }) => lastShownNoticeId === 4);
  await waitFor('the queue', () =>
    agent.container.run('cat /run/devenv/messages/* || :').includes('shown outside'),
  );
  await terminal.run('true');
  await terminal.run('true');
  const outside = terminal.text.slice(terminal.text.lastIndexOf('detached'));
  expect(outside).toContain('shown outside');
  expect(outside).not.toContain('shown in the pane');
  expect(agent.container.run('tmux capture-pane -p -t work')).not.toContain('shown outside');
  agent.container.run('tmux kill-server');
  terminal.type('exit\r');
  await terminal.ended;
});

test.each([
  ['vim', 'vi -u NONE /etc/services', '\x1b:q!\r', 5],
  ['less', 'less /etc/services', 'q', 6],
  ["node's prompt", 'node', '\x04', 7],
])(
  'nothing is written into %s; the line appears once, at the next prompt',
  async (_name, command, quit, id) => {
    const terminal = await agent.open();
    await agent.reported('the session', ({ sessions }) => sessions.length === 1);
    terminal.type(`${command}\r`);
    const shell = agent.container.run('pgrep -nx bash');
    await waitFor(
      'the program in front',
      () =>
        agent.container.run(`awk '{print $8 != $5}' /proc/${shell}/stat`) === '1' &&
        agent.container.run(`stty -F $(readlink /proc/${shell}/fd/0) -a`).includes('-icanon'),
    );
    agent.send({ notices: [{ id, kind: 'info', text: `notice number ${id}` }] });
    await agent.reported('the notice as queued', ({ lastShownNoticeId }) => lastShownNoticeId === id);
    await waitFor('the queue', () =>
      agent.container.run('cat /run/devenv/messages/* || :').includes(`number ${id}`),
    );
    expect(terminal.text).not.toContain(`notice number ${id}`);
    terminal.type(quit);
    await terminal.see(new RegExp(`notice number ${id}`));
    await terminal.run('true');
    expect(terminal.text.match(new RegExp(`notice number ${id}`, 'g'))).toHaveLength(1);
    terminal.type('exit\r');
    await terminal.ended;
  },
);

test('with DEVENV_QUIET=1 no notice is ever shown, and `devenv-status` still works', async () => {
  const terminal = await agent.open('env', 'DEVENV_QUIET=1', 'bash');
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  terminal.type('cat\r');
  await waitFor('cat to run', () => agent.container.run('pgrep -xc cat || :') === '1');
  const note = 'The edge does not answer. devenv tries again automatically.';
  agent.send({ notes: [note], notices: [{ id: 8, kind: 'problem', text: 'unwanted text' }] });
  await agent.reported('the notice as processed', ({ lastShownNoticeId }) => lastShownNoticeId === 8);
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  const status = await terminal.run('devenv-status');
  expect(status).toMatch(/^link +http:\/\/alice\.test:8080$/m);
  expect(status).toMatch(/^shows +no server yet$/m);
  expect(status).toContain(`note     ${note}`);
  expect(terminal.text).not.toContain('unwanted text');
  expect(terminal.text).not.toContain('Your link is');
  terminal.type('exit\r');
  await terminal.ended;
});

test.each([
  ['.bashrc', ['bash']],
  ['.profile', ['bash', '-l']],
])('DEVENV_QUIET=1 in ~/%s turns the welcome off too', async (file, shell) => {
  agent.container.run(`cp -p ~/${file} /tmp/before; echo 'export DEVENV_QUIET=1' >>~/${file}`);
  const terminal = await agent.open(...shell);
  expect(await terminal.run('echo quiet: $DEVENV_QUIET')).toBe('quiet: 1');
  // The welcome is not shown later either.
  await terminal.run('DEVENV_QUIET=');
  expect(terminal.text).not.toContain('Your link is');
  terminal.type('exit\r');
  await terminal.ended;
  agent.container.run(`mv /tmp/before ~/${file}`);
});

test('notices queued for a shell that was killed are removed', async () => {
  const terminal = await agent.open();
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  const pid = await terminal.run('echo $$');
  const queue = () => agent.container.run(`cat /run/devenv/messages/${pid} 2>/dev/null || :`);
  agent.send({ notices: [{ id: 9, kind: 'info', text: 'for a killed shell' }] });
  await waitFor('the queue', () => queue().includes('for a killed shell'));
  agent.container.run(`kill -9 ${pid}`);
  await agent.reported('no session', ({ sessions }) => sessions.length === 0);
  expect(agent.container.run('ls /run/devenv/messages')).not.toMatch(new RegExp(`^${pid}$`, 'm'));
});

test('a chosen port survives a lost terminal until the student leaves; with `--always` it stays', async () => {
  const chosen = () => agent.container.run('cat /run/devenv/port 2>/dev/null || :');
  const terminal = await agent.open();
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  await terminal.run('devenv-port 4000');
  agent.send({ link: { phase: 'open', detail: '' } });
  await waitFor('the state to be known', () =>
    agent.container.run('devenv-status').includes('state    open'),
  );
  terminal.type('exit\r');
  await terminal.ended;
  await agent.reported('no session', ({ sessions }) => sessions.length === 0);
  expect(chosen()).toBe('4000');
  agent.send();
  await waitFor('the choice to be forgotten', () => chosen() === '');
  const later = await agent.open();
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  await later.run('devenv-port --always 4001');
  later.type('exit\r');
  await later.ended;
  await waitFor('the choice of this session to be forgotten', () => chosen() === '');
  expect(agent.container.run('cat ~/.devenv-port')).toBe('4001');
  agent.container.run('HOME=/home/student devenv-port --auto');
  expect(agent.container.run('ls -A ~ | grep -c devenv-port || :')).toBe('0');
});

test('a killed agent restarts, ends no shell, finds the sessions, and repeats no notice', async () => {
  const terminal = await agent.open();
  const shell = await terminal.run('echo $$');
  const before = await agent.reported('the session', ({ sessions }) => sessions[0]?.id);
  const times = agent.connections;
  agent.container.run('pkill -KILL -f agent/main.js');
  await waitFor('the agent to be back', () => agent.connections > times);
  await agent.reported('the same session', ({ sessions }) => sessions[0]?.id === before);
  expect(await terminal.run('echo $$')).toBe(shell);
  expect(agent.report?.lastShownNoticeId).toBe(9);
  terminal.type('exit\r');
  await terminal.ended;
});

test.each([
  ['a command line of a shell without hooks', ['bash', '-c', 'cd / && cat; true'], 10],
  ['a program without a shell', ['cat'], 11],
])(
  '%s as the only program of a terminal gets the notice immediately; a waiting shell in another terminal does not',
  async (_name, command, id) => {
    const waiting = await agent.open('sh');
    const terminal = agent.container.terminal(command);
    await agent.reported('both sessions', ({ sessions }) => sessions.length === 2);
    await waitFor('cat to run', () => agent.container.run('pgrep -xc cat || :') === '1');
    agent.send({ notices: [{ id, kind: 'live', text: `live at ${url}` }] });
    await terminal.see(/live at/);
    terminal.type('\x04');
    await terminal.ended;
    expect(terminal.text.match(/live at/g)).toHaveLength(1);
    await waiting.run('true');
    expect(waiting.text).not.toContain('live at');
    waiting.type('exit\r');
    await waiting.ended;
  },
);

test('a pipeline whose first program has ended gets the notice immediately', async () => {
  const terminal = await agent.open();
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  const pid = await terminal.run('echo $$');
  terminal.type('true | tail -f /dev/null\r');
  // The job's group number is the pid of a program that has ended.
  await waitFor(
    'the rest of the pipeline in front',
    () =>
      agent.container
        .run(`job=$(awk '{print $8}' /proc/${pid}/stat); [ $job = ${pid} ] || ls -d /proc/$job 2>&1 || :`)
        .includes('No such file') && agent.container.run('pgrep -xc tail || :') === '1',
  );
  agent.send({ notices: [{ id: 12, kind: 'live', text: 'live behind a pipe' }] });
  await terminal.see(/live behind a pipe/);
  terminal.type('\x03');
  await terminal.see(/\$ $/);
  terminal.type('exit\r');
  await terminal.ended;
});

test("a notice that arrives during a nested shell's full-screen program appears at that shell's next prompt", async () => {
  const terminal = await agent.open();
  await agent.reported('the session', ({ sessions }) => sessions.length === 1);
  terminal.type('bash\r');
  await terminal.see(/\$ $/);
  terminal.type('less /etc/services\r');
  await waitFor('less to run', () => agent.container.run('pgrep -xc less || :') === '1');
  agent.send({ notices: [{ id: 13, kind: 'info', text: 'shown inside' }] });
  await waitFor('the queue', () =>
    agent.container.run('cat /run/devenv/messages/* || :').includes('shown inside'),
  );
  terminal.type('q');
  await terminal.see(/shown inside/);
  for (const _shell of ['nested', 'outer']) {
    terminal.type('exit\r');
    await terminal.see(/exit/);
  }
  await terminal.ended;
  expect(terminal.text.match(/shown inside/g)).toHaveLength(1);
});
