import { describeOutdated, stateOf } from '../../../../orchestrator/cli/list.ts';
import { describeStudent } from '../../../../orchestrator/cli/status.ts';
import type { StudentView } from '../../../../orchestrator/student-view.ts';

const problem = {
  code: 'edge',
  what: 'The token may not.',
  next: 'Check the token.',
  nextForStudent: 'Tell your instructor.',
} as const;

function student(route: Partial<StudentView['link']>, environment: 'running' | 'stopped' = 'running') {
  return {
    name: 'alice',
    hostname: 'alice.test',
    url: 'https://alice.test',
    port: 3001,
    createdAt: '2026-01-01T00:00:00Z',
    environment: { state: environment, problem: null, outdated: false },
    home: { usedBytes: 1.2 * 2 ** 30, limitBytes: 5 * 2 ** 30 },
    egress: 'internet',
    agent: { state: 'connected', lastReportSecondsAgo: 1 },
    link: { phase: 'closed', live: false, reason: 'no-session', since: '', problem: null, ...route },
    sessions: [],
    service: null,
    additionalLinks: [],
    otherPorts: [],
    orchestrator: { problem: null },
  } satisfies StudentView;
}

test('the state of a link that cannot be closed differs from one that cannot be opened', () => {
  expect(stateOf(student({ phase: 'closing' }))).toBe('closing');
  expect(stateOf(student({ phase: 'closing', problem }))).toBe('closing, problem');
  // The edge still forwards to the student's port.
  expect(stateOf(student({ phase: 'closing', problem }, 'stopped'))).toBe('closing, problem');
  expect(stateOf(student({ phase: 'opening', problem }))).toBe('problem');
});

test('`status` shows the problem, what the instructor can do, and that visitors are refused', () => {
  const closing = describeStudent(student({ phase: 'closing', problem }), 0);
  expect(closing).toMatch(
    /problem +The token may not\.\n +next +Check the token\.\n +visitors +refused by the environment/,
  );
  expect(describeStudent(student({ phase: 'closing', problem, reason: 'agent-silent' }), 0)).not.toMatch(
    /visitors/,
  );
  expect(describeStudent(student({ phase: 'opening', problem }), 0)).not.toMatch(/visitors/);
});

test('a disconnected network is shown by `list` and `status`', () => {
  const view = student({ phase: 'open', live: true });
  const disconnected = { ...view, environment: { state: 'running', problem, outdated: false } } as const;
  expect(stateOf(disconnected)).toBe('no network');
  expect(stateOf({ ...disconnected, environment: { state: 'stopped', problem, outdated: false } })).toBe(
    'stopped, problem',
  );
  expect(describeStudent(disconnected, 0)).toMatch(
    /environment +running\n +The token may not\.\n +next +Check the token\./,
  );
});

test('an environment on an older image is shown by `list` and `status`, with what renews it', () => {
  const view = student({ phase: 'open', live: true });
  const outdated = { ...view, environment: { ...view.environment, outdated: true } };
  expect(describeOutdated([view])).toBeNull();
  expect(describeOutdated([view, outdated, { ...outdated, name: 'bob' }])).toMatch(
    /^On an older image: alice, bob\. `devenv restart NAME` renews it/,
  );
  expect(describeStudent(view, 0)).toMatch(/environment +running\n/);
  expect(describeStudent(outdated, 0)).toMatch(
    /environment +running, on an older image: its next start renews it \(devenv restart alice\)\n/,
  );
});

test('`status` says until when a link is rate-limited', () => {
  const limited = { ...problem, code: 'rate-limited', until: '1970-01-01T00:00:43.000Z' } as const;
  expect(describeStudent(student({ phase: 'closed', problem: limited }), 0)).toMatch(
    /next +Check the token\.\n +devenv continues automatically at \d\d:\d\d:43 \(in 43 s\)\./,
  );
});
