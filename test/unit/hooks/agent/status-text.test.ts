/** What `devenv-status` and `devenv-port` print. */
import { portsText, type StatusInput, statusText } from '../../../../hooks/agent/status-text.ts';
import { PROTOCOL_VERSION } from '../../../../orchestrator/protocol/constants.ts';
import type { Listener } from '../../../../orchestrator/protocol/messages.ts';

const listener = (port: number, command: string, more: Partial<Listener> = {}): Listener => ({
  port,
  addresses: ['127.0.0.1'],
  process: `${port}:1`,
  command,
  speaks: 'http',
  purpose: 'page',
  isPublic: true,
  ...more,
});

const input: StatusInput = {
  state: {
    kind: 'state',
    protocol: PROTOCOL_VERSION,
    instance: 'test',
    student: 'alice',
    hostname: 'alice.test',
    url: 'http://alice.test',
    port: 3001,
    additionalLinks: [],
    watchedCommands: [],
    sessionHolders: [],
    link: { phase: 'open', detail: 'a server listens' },
    notes: [],
    notices: [],
  },
  report: {
    service: { port: 3001, address: '127.0.0.1', scheme: 'http', reason: 'port-variable' },
    listeners: [
      listener(3001, 'node page.js'),
      listener(9229, 'node --inspect', { purpose: 'debugger' }),
      listener(4000, `node \u001b[2J${'x'.repeat(150)}`),
      listener(4001, 'node private.js', { isPublic: false }),
    ],
    starting: [],
  },
  env: { DEVENV_PORT: '3001', DEVENV_URL: 'http://old.test' },
  isReachable: true,
};

test('the status shows the selected port, the others, and the command that switches', () => {
  expect(statusText(input)).toMatch(
    /^link {5}http:\/\/alice\.test\nstate {4}open: a server listens\nPORT {5}3001\nshows {4}port 3001: your PORT\nalso {5}9229 \(debugger, not public\), 4000, 4001 \(private.*\(to show 4000: devenv-port 4000\)\n$/,
  );
});

test.each([
  [input, /^state {4}unknown: the orchestrator does not answer\. .*Last known state: open\.$/m],
  [{ ...input, state: null }, /^state {4}unknown: the orchestrator does not answer\. .*instructor\.$/m],
])('without the orchestrator, the status claims nothing', (known, expected) => {
  expect(statusText({ ...known, isReachable: false })).toMatch(expected);
});

test('devenv-port shows each server with its program and the command that shows it', () => {
  const [shown, title, ...others] = portsText(input).split('\n');
  expect([shown, title]).toEqual(['Your link shows port 3001: your PORT.', 'Other servers:']);
  expect(others[0]).toBe('  9229 (debugger, not public)   node --inspect');
  expect(others[1]).toMatch(/^ {2}4000 {3}node .{30,60} {3}\(to show it: devenv-port 4000\)$/);
  expect(others[1]).not.toContain('\u001b');
  expect(others[2]).not.toContain('devenv-port');
  expect(portsText({ ...input, report: null })).toBe(
    'Your link shows no server yet.\nNo other server runs.\n',
  );
});
