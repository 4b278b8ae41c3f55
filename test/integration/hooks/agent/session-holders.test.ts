/** Which programs' terminals count as sessions, according to the settings. */
import { AgentContainer } from '../../../support/agent-container.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;

beforeAll(async () => {
  agent = await AgentContainer.start();
});

afterAll(() => agent?.close());

afterEach(async () => {
  agent.container.run(`pkill -f '[p]ty.spawn' || :`);
  agent.send();
  await agent.reported('no session', ({ sessions }) => sessions.length === 0);
});

/** Starts a Python program that holds a terminal with a shell; `words` are its command line. */
function holdTerminal(...words: string[]): void {
  agent.container.run(
    `mkdir -p ~/.vscode-server/bin; ln -sf "$(command -v python3)" ~/.vscode-server/bin/node
     (sleep 60 | exec ${words[0]} -c 'import pty; pty.spawn(["bash", "--norc"])' ${words.slice(1).join(' ')}) >/dev/null 2>&1 &`,
  );
}

/** A shell is held, and the agent has seen that it is no session. */
async function isNoSession(): Promise<void> {
  await waitFor('the shell', () => agent.container.run('pgrep -fc "^bash --norc" || :') === '1');
  await agent.twoMoreReports();
  expect(agent.report?.sessions).toEqual([]);
}

const inside = () => agent.reported('a session', ({ sessions }) => sessions.length === 1);

test.each([
  ["an editor's terminal host", ['python3', '--type=ptyHost']],
  ["an editor's server, by its folder", ['~/.vscode-server/bin/node']],
])('a terminal of %s is a session', async (_what, words) => {
  holdTerminal(...words);
  await inside();
});

test('a program counts as soon as the settings name it, and no longer once they do not', async () => {
  holdTerminal('python3', '/usr/bin/jupyter-lab');
  await isNoSession();
  agent.send({ sessionHolders: ['ttyd', 'jupyter*'] });
  await inside();
  agent.send({ sessionHolders: ['ttyd'] });
  await agent.reported('no session', ({ sessions }) => sessions.length === 0);
});

test('a pattern matches whole names only', async () => {
  agent.send({ sessionHolders: ['ttyd'] });
  holdTerminal('python3', '--log=my-ttyd', 'ttyd.conf');
  await isNoSession();
  holdTerminal('python3', '--with=ttyd');
  await inside();
});

/** The sessions in the next agent's reports: before it gets its first state, and the one after. */
async function afterRestart(): Promise<string[][]> {
  await agent.restartWithoutState();
  await waitFor('a second report', () => agent.reports.length > 1);
  agent.send();
  const before = agent.reports.length;
  await waitFor('a report after the first state', () => agent.reports.length > before);
  return agent.reports.map(({ sessions }) => sessions.map(({ id }) => id));
}

test('a restarted agent knows the sessions from its first report on', async () => {
  holdTerminal('python3', '--type=ptyHost');
  const id = await agent.reported('a session', ({ sessions }) => sessions[0]?.id);
  for (const each of await afterRestart()) expect(each).toEqual([id]);
});

test('a restarted agent uses the stored patterns, and none if their file is damaged', async () => {
  agent.send({ sessionHolders: ['ttyd'] });
  holdTerminal('python3', '--with=ttyd');
  await inside();
  await agent.restartWithoutState();
  await waitFor('a second report', () => agent.reports.length > 1);
  expect(agent.reports.map(({ sessions }) => sessions.length)).not.toContain(0);
  agent.container.run(`echo '["ttyd' > /run/devenv/agent.holders`);
  await agent.restartWithoutState();
  await waitFor('a second report', () => agent.reports.length > 1);
  expect(agent.reports.map(({ sessions }) => sessions.length)).not.toContain(1);
  agent.send({ sessionHolders: ['ttyd'] });
  await inside();
});
