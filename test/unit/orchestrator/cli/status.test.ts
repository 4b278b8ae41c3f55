import { stateOf } from '../../../../orchestrator/cli/list.ts';
import { describe as inWords } from '../../../../orchestrator/cli/status.ts';
import type { StudentView } from '../../../../orchestrator/student-view.ts';

const problem = {
  code: 'edge',
  what: 'The token may not.',
  next: 'Look at it.',
  nextForStudent: 'Tell your instructor.',
} as const;

function student(route: Partial<StudentView['link']>, environment: 'running' | 'stopped' = 'running') {
  return {
    name: 'alice',
    hostname: 'alice.test',
    url: 'https://alice.test',
    port: 3001,
    createdAt: '2026-01-01T00:00:00Z',
    environment: { state: environment },
    agent: { state: 'connected', lastReportSecondsAgo: 1 },
    link: { phase: 'closed', live: false, reason: 'nobody', since: '', problem: null, ...route },
    sessions: [],
    service: null,
    additionalLinks: [],
    otherPorts: [],
  } satisfies StudentView;
}

test('a link that can’t be closed is not one that can’t be opened', () => {
  expect(stateOf(student({ phase: 'closing' }))).toBe('closing');
  expect(stateOf(student({ phase: 'closing', problem }))).toBe('closing, problem');
  // The edge leads to its port all the same.
  expect(stateOf(student({ phase: 'closing', problem }, 'stopped'))).toBe('closing, problem');
  expect(stateOf(student({ phase: 'opening', problem }))).toBe('problem');
});

test('`status` says why it still stands and that nobody gets in, and sends the instructor to nobody', () => {
  const closing = inWords(student({ phase: 'closing', problem }), 0);
  expect(closing).toMatch(
    /problem +The token may not\.\n +next +Look at it\.\n +visitors +nobody is let in any more/,
  );
  expect(inWords(student({ phase: 'closing', problem, reason: 'silent' }), 0)).not.toMatch(/visitors/);
  expect(inWords(student({ phase: 'opening', problem }), 0)).not.toMatch(/visitors/);
});
