/** Web servers that are recognized by their command line, and never probed. */
import { knownProtocol } from '../../../../hooks/agent/known-servers.ts';
import { ListenerClassifier } from '../../../../hooks/agent/listener-classifier.ts';

test.each([
  ['python3 -m uvicorn api:app --port 8000', 8000, 'http'],
  ['/usr/bin/python3 /home/student/.local/bin/uvicorn api:app --reload', 8000, 'http'],
  ['uvicorn api:app --port=9000', 9000, 'http'],
  ['uvicorn api:app --port 9000', 8000, null],
  ['uvicorn api:app --ssl-keyfile k --ssl-certfile=c', 8000, 'https'],
  ['python3 -m hypercorn api:app --bind 127.0.0.1:5000', 5000, 'http'],
  ['python3 /usr/bin/fastapi dev main.py', 8000, 'http'],
  ['daphne -p 8001 site.asgi:application', 8001, 'http'],
  ['php -S localhost:8000', 8000, 'http'],
  ['/usr/bin/php8.2 -S 0.0.0.0:3001 -t public', 3001, 'http'],
  ['php -S localhost:8000', 8001, null],
  ['php worker.php', 8000, null],
  ['python3 api.py', 8000, null],
  ['node uvicorn-notes.js', 8000, null],
])('%s, port %d: %s', (command, port, expected) => {
  expect(knownProtocol(command.split(' '), port)).toBe(expected);
});

test.each([
  ['none', { speaks: 'http', isDebugger: false }],
  ['certain', { speaks: null, isDebugger: true }],
] as const)('with the sign "%s" of a debugger, no probe is sent', (sign, expected) => {
  const classifier = new ListenerClassifier(() => {});
  const listener = {
    id: 'id',
    address: '127.0.0.1',
    port: 8000,
    debuggerSign: () => sign,
    knownProtocol: () => 'http' as const,
  };
  expect(classifier.classify(listener)).toMatchObject({ ...expected, attempts: 0, isInFlight: false });
});
