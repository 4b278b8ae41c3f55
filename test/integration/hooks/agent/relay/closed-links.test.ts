/** Which visitors the relay admits and disconnects as links open and close, in a real container. */
import { AgentContainer } from '../../../../support/agent-container.ts';
import { waitFor } from '../../../../support/wait.ts';

let agent: AgentContainer;

beforeAll(async () => {
  agent = await AgentContainer.start();
});

afterAll(() => agent?.close());

/** Starts a Node server in a terminal of its own; the response of `/stream` never ends. */
async function serve(port: number) {
  const terminal = await agent.open();
  const answer = '(q, r) => q.url === "/stream" ? r.write("on") : r.end("hi")';
  terminal.type(`node -e 'require("http").createServer(${answer}).listen(${port})'\r`);
  await agent.reported(`${port}`, ({ listeners }) => listeners.some((each) => each.port === port));
  return terminal;
}

const statusAt = (host: string, path = '/') =>
  agent.container.run(
    `curl -s -m 10 -o /dev/null -w '%{http_code}' -H 'Host: ${host}' localhost:61080${path} || :`,
  );

/** A visitor of the endless response at alice.test, after its first bytes. Returns whether it was cut off. */
async function openStream(): Promise<() => boolean> {
  agent.container.run(
    `rm -f /tmp/heard /tmp/ended; (curl -sN -H 'Host: alice.test' localhost:61080/stream >/tmp/heard; echo $? >/tmp/ended) >/dev/null 2>&1 &`,
  );
  await waitFor('the stream', () => agent.container.run('cat /tmp/heard || :') === 'on');
  // curl's exit code 18: the transfer was cut off.
  return () => agent.container.run('cat /tmp/ended 2>/dev/null || :') === '18';
}

test('while the link is closed the relay admits no visitor and disconnects present ones; local names still work', async () => {
  const terminal = await serve(3001);
  const asked = (status: string) => waitFor(`a ${status}`, () => statusAt('alice.test') === status);
  agent.send({ link: { phase: 'open', detail: '' } });
  await asked('200');
  const isCutOff = await openStream();
  agent.send({ link: { phase: 'closing', detail: '' } });
  await asked('503');
  await waitFor('the end of the stream', isCutOff);
  expect(statusAt('localhost:3001')).toBe('200');
  expect(statusAt('alice.test', '/.well-known/devenv')).toBe('200');
  agent.send({ link: { phase: 'opening', detail: '' } });
  await asked('200');
  terminal.type('\x03exit\r');
  await terminal.ended;
  agent.send();
});

test('a visitor who was admitted before the first state is disconnected if that state closes the link', async () => {
  const terminal = await serve(3001);
  await agent.restartWithoutState();
  await waitFor('the next agent to let visitors in', () => statusAt('alice.test') === '200');
  const isCutOff = await openStream();
  agent.send({ link: { phase: 'closed', detail: '' } });
  await waitFor('the end of the stream', isCutOff);
  expect(statusAt('alice.test')).toBe('503');
  terminal.type('\x03exit\r');
  await terminal.ended;
});

test('an additional link that the edge still forwards is answered as closed, and opens again', async () => {
  const terminal = await serve(4000);
  const additionalLinks = [{ port: 4000, hostname: 'alice-4000.test', url: 'http://alice-4000.test:8080' }];
  const asked = (status: string) =>
    waitFor(`a ${status}`, () => statusAt('alice-4000.test') === status, {
      lastSeen: () => statusAt('alice-4000.test'),
    });
  expect(statusAt('alice-4000.test')).toBe('421');
  agent.send({ link: { phase: 'open', detail: '' }, additionalLinks });
  await asked('200');
  agent.send({ link: { phase: 'open', detail: '' } });
  await asked('503');
  agent.send({ link: { phase: 'open', detail: '' }, additionalLinks });
  await asked('200');
  terminal.type('\x03exit\r');
  await terminal.ended;
  agent.send();
});

test('the hostname from the orchestrator counts, not the one that the environment was created with', async () => {
  const terminal = await agent.open();
  terminal.type(`node -e 'require("http").createServer((q, r) => r.end("hi")).listen(3001)'\r`);
  await agent.reported('the service', ({ service }) => service);
  const ask = (host: string) =>
    agent.container.run(`curl -s -o /dev/null -w '%{http_code}' -H 'Host: ${host}' localhost:61080`);
  const renamed = { hostname: 'alice.example.com', url: 'https://alice.example.com' };
  agent.send({ ...renamed, link: { phase: 'open', detail: '' } });
  await waitFor('the new hostname to be answered', () => ask('alice.example.com') === '200');
  expect(ask('alice.test')).toBe('421');
  expect(agent.container.run('devenv-status')).toMatch(/^link +https:\/\/alice\.example\.com$/m);
  terminal.type('\x03exit\r');
  await terminal.ended;
  agent.send();
});
