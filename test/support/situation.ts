/** Situations for the tests of notices. */
import type { Situation } from '../../orchestrator/students/notice-texts.ts';

/** A session is open, nothing is served; `parts` override that. */
export function situation(parts: Partial<Situation> = {}): Situation {
  return {
    now: 0,
    url: 'http://alice.localhost:8080',
    phase: 'open',
    live: false,
    opening: 1,
    reason: 'no-service',
    since: 0,
    othersInProgress: [],
    problem: null,
    report: sessionReport(),
    startingSeconds: 60,
    memoryKill: null,
    networkProblem: null,
    egress: 'internet',
    home: null,
    additionalLinks: new Map(),
    maxLinks: 1,
    ...parts,
  };
}

/** What a report with one session says to the notices. */
export function sessionReport(
  parts: Partial<NonNullable<Situation['report']>> = {},
): NonNullable<Situation['report']> {
  const session = { id: '7:100', terminal: '/dev/pts/0', ageSeconds: 1, portVariable: 'ok' } as const;
  return { sessions: [session], service: null, starting: [], listeners: [], ...parts };
}
