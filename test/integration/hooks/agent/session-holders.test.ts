/** Whose terminals count as sessions: those that a person's own connection holds inside, as the settings name them. */
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
  await agent.reported('nobody in', ({ sessions }) => sessions.length === 0);
});

/** A program that holds a terminal with a shell in it, run by Python as `words` say. */
function hold(...words: string[]): void {
  agent.container.run(
    `mkdir -p ~/.vscode-server/bin; ln -sf "$(command -v python3)" ~/.vscode-server/bin/node
     (sleep 60 | exec ${words[0]} -c 'import pty; pty.spawn(["bash", "--norc"])' ${words.slice(1).join(' ')}) >/dev/null 2>&1 &`,
  );
}

const inside = () => agent.reported('a session', ({ sessions }) => sessions.length === 1);

test.each([
  ["an editor's terminal host", ['python3', '--type=ptyHost']],
  ["an editor's server, by its folder", ['~/.vscode-server/bin/node']],
])('%s is a person', async (_what, words) => {
  hold(...words);
  await inside();
});

test('what the settings name is a person from then on, and what they name no longer is none', async () => {
  hold('python3', '/usr/bin/jupyter-lab');
  await expect(agent.reported('a session', ({ sessions }) => sessions[0], 2500)).rejects.toThrow('a session');
  agent.send({ sessionHolders: ['ttyd', 'jupyter*'] });
  await inside();
  agent.send({ sessionHolders: ['ttyd'] });
  await agent.reported('nobody in', ({ sessions }) => sessions.length === 0);
});

test('a part of a name is not the name', async () => {
  agent.send({ sessionHolders: ['ttyd'] });
  hold('python3', '--log=my-ttyd', 'ttyd.conf');
  await expect(agent.reported('a session', ({ sessions }) => sessions[0], 2500)).rejects.toThrow('a session');
  hold('python3', '--with=ttyd');
  await inside();
});

/** What the next agent's reports say of sessions: those before it is told anything, and the one after. */
async function afterRestart(): Promise<string[][]> {
  await agent.restartWithoutState();
  await waitFor('a second report', () => agent.reports.length > 1);
  agent.send();
  const untold = agent.reports.length;
  await waitFor('a report when it is told', () => agent.reports.length > untold);
  return agent.reports.map(({ sessions }) => sessions.map(({ id }) => id));
}

test('an agent that restarts knows from its first report on who is in: nobody has come anew', async () => {
  hold('python3', '--type=ptyHost');
  const id = await agent.reported('a session', ({ sessions }) => sessions[0]?.id);
  for (const each of await afterRestart()) expect(each).toEqual([id]);
});

test('what the settings named last counts in the next agent, and nothing where its file is no longer whole', async () => {
  agent.send({ sessionHolders: ['ttyd'] });
  hold('python3', '--with=ttyd');
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
