/** Which listeners are debuggers, or may be, by their command line, environment and port. */
import { debuggerSign } from '../../../../hooks/agent/debugger-signs.ts';

/** The sign of a port whose process has this command line, and these variables in front of it. */
function signOf(commandLine: string, port: number) {
  const words = commandLine.split(' ');
  const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const variables = new Map(
    words.slice(0, start).map((word) => [word.split('=')[0], word.replace(/^\w+=/, '')]),
  );
  const command = words.slice(start);
  // Quoted with commas, since a variable's value may contain spaces.
  const variable = (name: string) => variables.get(name)?.replaceAll(',,', ' ') ?? null;
  return debuggerSign({ name: command[0]?.split('/').at(-1) ?? '', words: command, variable }, port);
}

const WORKERD = '/node_modules/.bin/workerd serve --binary --external-addr=loopback=127.0.0.1:45605';

test.each([
  ['node --inspect worker.js', 9229],
  ['node --inspect-brk=3001 server.js', 3001],
  ['node --inspect=0.0.0.0:10000 server.js', 10_000],
  ['node --inspect-wait=[::1]:9300 server.js', 9300],
  ['node --inspect --inspect-port=9400 server.js', 9400],
  ['NODE_OPTIONS=--max-old-space-size=100,,--inspect=3001 next-server', 3001],
  ['deno run --inspect-wait server.ts', 9229],
  ['deno run --inspect=127.0.0.1:8000 server.ts', 8000],
  ['bun --inspect server.ts', 6499],
  ['bun --inspect=localhost:4000/prefix server.ts', 4000],
  ['BUN_INSPECT=ws://localhost:6500/abc?wait=1 bun server.ts', 6500],
  [
    `${WORKERD} --socket-addr=entry=127.0.0.1:0 --inspector-addr=127.0.0.1:0 --debug-port=127.0.0.1:0`,
    35_787,
  ],
  ['workerd serve config.capnp --inspector-addr=localhost:9000', 9000],
  ['/usr/lib/chromium/chromium --headless --remote-debugging-port=0', 41_234],
  ['electron --remote-debugging-port=8315 .', 8315],
  ['/opt/chromedriver --port=4444', 4444],
  ['python3 -m debugpy --listen 0.0.0.0:5678 app.py', 5678],
  ['python3 /usr/lib/python3/debugpy/adapter --for-server 34027 --host 127.0.0.1 --port 5678', 49_513],
  ['java -agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=*:5005 -jar app.jar', 5005],
  ['java -Xrunjdwp:server=y,transport=dt_socket,address=8000 App', 8000],
  ['JAVA_TOOL_OPTIONS=-agentlib:jdwp=transport=dt_socket,server=y,address=5005 java App', 5005],
  ['dlv debug --headless --listen=:2345', 2345],
])('%s on port %i is a debugger', (commandLine, port) => {
  expect(signOf(commandLine, port)).toBe('certain');
});

test.each([
  ['node server.js', 9229],
  ['node --inspect=9300 server.js', 9230],
  // wrangler's own inspector, with `--inspector-port 10000`.
  [`${WORKERD} --socket-addr=entry=localhost:8787`, 10_000],
  ['workerd serve config.capnp', 9229],
])('%s on port %i may be a debugger', (commandLine, port) => {
  expect(signOf(commandLine, port)).toBe('possible');
});

test.each([
  ['node --inspect server.js', 3000],
  ['node --inspect=9300 server.js', 3000],
  ['node server.js --inspector', 3000],
  ['NODE_OPTIONS=--inspect node vite.js', 5173],
  ['deno run --inspect --allow-net server.ts', 8000],
  ['bun --inspect server.ts', 3000],
  [`${WORKERD} --socket-addr=entry=localhost:8787`, 8787],
  ['workerd serve config.capnp --inspector-addr=localhost:9000', 8080],
  ['node start-chrome.js --remote-debugging-port=9333', 3000],
  ['python3 -m debugpy --listen 5678 app.py', 8000],
  ['java -agentlib:jdwp=transport=dt_socket,server=y,address=5005 -jar app.jar', 8080],
  ['java -jar app.jar', 8080],
])('%s on port %i is not: it is the app', (commandLine, port) => {
  expect(signOf(commandLine, port)).toBe('none');
});

test('an unknown process is judged by its port', () => {
  expect([9222, 9229, 9230, 6499, 3000].map((port) => debuggerSign(null, port))).toEqual([
    ...['possible', 'possible', 'possible', 'possible'],
    'none',
  ]);
});
