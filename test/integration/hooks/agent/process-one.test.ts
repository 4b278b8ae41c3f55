/** What process 1 of an environment passes to the engine's log. */
import { AgentContainer } from '../../../support/agent-container.ts';
import { $sync } from '../../../support/shell.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;

beforeAll(async () => {
  agent = await AgentContainer.start();
});

afterAll(() => agent?.close());

const logged = () => $sync`docker logs ${agent.container.id}`.stdall;

/** Writes to what the agent prints into. */
const print = (script: string) =>
  agent.container.run(`(${script}) >/proc/$(pgrep -f agent/[m]ain.js)/fd/2 2>/dev/null; true`);

test("students can't open the output of process 1", () => {
  expect(agent.container.run('echo flood 2>&1 >/proc/1/fd/1; ls /proc/1/fd 2>&1; true')).toMatch(
    /fd\/1: Permission denied\n.*Permission denied$/,
  );
});

test('a reader that was killed is replaced when the agent starts again', async () => {
  agent.container.run('pkill -KILL -f "init-shell.*init.sh" -P 1');
  await agent.restartWithoutState();
  print('echo after the reader');
  await waitFor('the line', () => logged().includes('after the reader'));
});

test("the engine logs the agent's lines, shortened and at most ten a second", async () => {
  print('echo an error; head -c 3000 /dev/zero | tr "\\0" x; echo; timeout 2 yes flood');
  const log = await waitFor('the line after the flood began', () => /flood/.test(logged()) && logged());
  expect(log).toMatch(/\nan error\nx{500}\n(flood\n)+$/);
  // A pipe has 64 KB, so `yes` had to wait for the reader.
  expect(log.length).toBeLessThan(64 * 1024);
});
