/** Which of several servers the link shows, in a real container: the page keeps it while APIs restart and tests run. */
import { AgentContainer } from '../../../support/agent-container.ts';
import type { Terminal } from '../../../support/terminal.ts';
import { waitFor } from '../../../support/wait.ts';

let agent: AgentContainer;
let terminal: Terminal;

beforeAll(async () => {
  agent = await AgentContainer.start();
  agent.send({ link: { phase: 'open', detail: '' } });
  terminal = await agent.open();
});

afterAll(() => agent?.close());

afterEach(async () => {
  agent.container.run('pkill -f "[w]eb[.]js|[a]pi[.]js|[a]pp[.]js" || :');
  await agent.reported('no listener', ({ listeners, service }) => listeners.length === 0 && service === null);
});

const place = (file: string, code: string) => agent.container.run(`cat >~/${file} <<'E'\n${code}\nE`);
const serverOn = (port: number) => `require('http').createServer((q, s) => s.end('ok')).listen(${port});`;

/** The ports that the link has shown since report number `from`; null where it showed none. */
const shownSince = (from: number) =>
  new Set(agent.reports.slice(from).map(({ service }) => service?.port ?? null));

const processOn = (port: number) =>
  agent.report?.listeners.find((listener) => listener.port === port && listener.speaks === 'http')?.process;

/** Saves the file, as an editor does, and waits for the server's next process. */
async function save(file: string, port: number): Promise<void> {
  const before = processOn(port);
  agent.container.run(`touch ~/${file}`);
  await waitFor('the restarted server', () => ![before, undefined, null].includes(processOn(port)));
}

const start = (script: string) => {
  place('package.json', JSON.stringify({ private: true, scripts: { dev: script } }));
  terminal.type('cd; npm run dev >/dev/null 2>&1 & disown\r');
};

const shows = (port: number) =>
  agent.reported(`the link on ${port}`, ({ service }) => service?.port === port);
const bothListen = (...ports: number[]) =>
  agent.reported('both servers', () => ports.every((port) => processOn(port) != null));

test.each([
  ['the page first', 'node web.js & node --watch api.js', 5173],
  ['the API first', 'node --watch api.js & sleep 1; node web.js', 5173],
  ['the page on 3000', 'node --watch api.js & node web.js', 3000],
])('each save of the API leaves the link at the page: %s', async (_name, script, port) => {
  place('web.js', serverOn(port));
  place('api.js', serverOn(5000));
  start(script);
  await bothListen(port, 5000);
  await shows(port);
  const from = agent.reports.length;
  await save('api.js', 5000);
  await save('api.js', 5000);
  await agent.twoMoreReports();
  expect([...shownSince(from)]).toEqual([port]);
});

// Ports of their own from here on: what the link showed a minute ago gets it back.
test('each save of the page gives the link back to the page', async () => {
  place('web.js', serverOn(4567));
  place('api.js', serverOn(5002));
  start('node --watch web.js & until [ -e ~/shown ]; do sleep 0.1; done; node api.js');
  await shows(4567);
  agent.container.run('touch ~/shown');
  await bothListen(4567, 5002);
  for (let turn = 0; turn < 2; turn += 1) {
    await save('web.js', 4567);
    await shows(4567);
  }
});

const TEST = `
import http from 'node:http';
import test from 'node:test';
test('a test that starts a server', async () => {
  const server = http.createServer((q, s) => s.end('a test double')).listen(0);
  await new Promise((done) => process.stdin.once('end', done).resume());
  server.close();
});`;

test.each([3000, 4568])('a test that starts a server leaves the link at the app on %d', async (port) => {
  place('app.js', serverOn(port));
  place('some.test.mjs', TEST);
  agent.container.run('rm -f ~/package.json; mkfifo ~/input 2>/dev/null || :');
  terminal.type('cd; node app.js >/dev/null 2>&1 & disown\r');
  await shows(port);
  const from = agent.reports.length;
  const tests = await agent.open();
  // The test's server lives until the pipe is closed.
  tests.type('cd; exec 9<>input; node some.test.mjs <input >/dev/null\r');
  await agent.reported(
    'the test’s server',
    ({ listeners }) => listeners.filter(({ speaks }) => speaks === 'http').length === 2,
  );
  await agent.twoMoreReports();
  tests.type('\x03');
  await agent.reported('the end of the test', ({ listeners }) => listeners.length === 1);
  expect([...shownSince(from)]).toEqual([port]);
  tests.type('exit\r');
  await tests.ended;
});
