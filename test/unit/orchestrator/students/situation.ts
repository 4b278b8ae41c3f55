import type { Situation } from '../../../../orchestrator/students/situation.ts';

/** A person is in, and nothing is served; `parts` say what is so besides. */
export function situation(parts: Partial<Situation> = {}): Situation {
  return {
    now: 0,
    url: 'http://alice.localhost:8080',
    phase: 'open',
    live: false,
    opening: 1,
    reason: 'no-service',
    since: 0,
    behind: [],
    problem: null,
    report: report(),
    startingSeconds: 60,
    memoryKill: null,
    links: new Map(),
    mostLinks: 1,
    ...parts,
  };
}

/** A report with one session in it. */
export function report(
  parts: Partial<NonNullable<Situation['report']>> = {},
): NonNullable<Situation['report']> {
  const session = { id: '7:100', terminal: '/dev/pts/0', ageSeconds: 1, portVariable: 'ok' } as const;
  return { sessions: [session], service: null, starting: [], listeners: [], ...parts };
}
