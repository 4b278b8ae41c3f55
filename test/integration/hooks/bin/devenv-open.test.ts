/** What programs that open a browser get: the link, in their terminal. */
import { BareContainer } from '../../../support/bare-container.ts';

let container: BareContainer;

beforeAll(async () => {
  container = await BareContainer.start();
});

afterAll(() => container?.remove());

test.each([
  ['http://localhost:5173/', 'http://alice.test'],
  ['http://localhost:5173', 'http://alice.test'],
  ['https://127.0.0.1:5173/docs/?a=1#b', 'http://alice.test/docs/?a=1#b'],
  ['http://[::1]:8081/x', 'http://alice.test/x'],
  ['http://localhost.example.com/x', 'http://localhost.example.com/x'],
  ['https://github.com/login?next=http://localhost:1/', 'https://github.com/login?next=http://localhost:1/'],
])('instead of opening %s it prints %s', (address, expected) => {
  expect(container.run(`xdg-open '${address}'`)).toBe(`Open in your browser: ${expected}`);
});

test('the newest state of the link counts, and what is no address is refused', () => {
  container.run("echo 'link     https://alice.example.com' >/run/devenv/agent.status");
  expect(container.run('xdg-open http://localhost:5173/a')).toBe(
    'Open in your browser: https://alice.example.com/a',
  );
  expect(container.run('xdg-open report.pdf 2>&1 || echo $?')).toBe(
    'There is no desktop here to open "report.pdf" with. Your link is https://alice.example.com\n3',
  );
  expect(container.run('DEVENV_QUIET=1 xdg-open http://localhost:5173/a')).toBe('');
  container.run('rm /run/devenv/agent.status');
});

/** How the npm package `open` starts it: without the terminal, and the program does not wait. */
const detached = (command: string) =>
  `node -e "const p = require('child_process').spawn('${command}', ['http://localhost:5173/a'], { stdio: 'ignore', detached: true }); p.on('error', e => { throw e }); p.unref(); setTimeout(() => {}, 600000)"`;

test.each(['xdg-open', '$BROWSER'])(
  'a dev server that starts %s detached shows the link in its terminal',
  async (command) => {
    const terminal = container.terminal(['bash', '--norc', '-c', detached(command)]);
    await terminal.see(/Open in your browser: http:\/\/alice\.test\/a/);
    terminal.type('\x03');
    await terminal.ended;
  },
);
